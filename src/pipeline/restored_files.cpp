#include "pipeline/restored_files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>

#include "varve/error.hpp"

namespace varve {

namespace {

constexpr std::uint64_t direct_min = 1U << 20;     // smaller files are cheaper through the page cache
constexpr std::size_t writeback_min = 256U << 10;  // bytes
constexpr std::uint64_t flush_every = 128U << 20;  // bytes; a disk's own cache takes long to empty when all is left to the end
constexpr std::uint64_t page_bytes = 4096;

// O_NONBLOCK: a FIFO in the way is an error and not a place to hang.
constexpr int careful = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

Error in_the_way(const std::filesystem::path& path, const char* what) {
    return Error{Fault::conflict, path.string() + " is " + what}.hint("Restore into an empty directory, or with --delta.");
}

void require_regular(const Descriptor& file, const std::filesystem::path& path) {
    struct ::stat status{};
    if (::fstat(file.get(), &status) != 0) throw system_error(errno, "fstat", path);
    if (!S_ISREG(status.st_mode)) throw in_the_way(path, "there and no regular file");
}

/// Opens below a folder. The kernel refuses whatever leads out of it, and every link.
int open_within(const OpenedFolder& folder, const std::filesystem::path& path, int flags, mode_t mode) {
    const auto& above = folder.path.native();
    const auto& whole = path.native();
    const bool is_below = whole.size() > above.size() && whole.starts_with(above) && whole[above.size()] == '/';
    const auto below = is_below ? whole.substr(above.size() + 1) : path.lexically_relative(folder.path).native();
    ::open_how how{.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags)),
                   .mode = mode,
                   .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    return static_cast<int>(::syscall(SYS_openat2, folder.descriptor.get(), below.c_str(), &how, sizeof how));
}

Descriptor open_for_writing(const RestoredFiles::Wanted& file, int flags) {
    const int all = O_WRONLY | flags | careful;
    const mode_t mode = (flags & O_CREAT) != 0 ? 0600 : 0;
    return Descriptor{file.within ? open_within(*file.within, file.path, all, mode) : ::open(file.path.c_str(), all, mode)};
}

Descriptor create(const RestoredFiles::Wanted& wanted) {
    auto file = open_for_writing(wanted, O_CREAT | O_EXCL);
    if (!file && errno == EEXIST) throw in_the_way(wanted.path, "there already");
    if (!file && (errno == ELOOP || errno == EXDEV)) throw in_the_way(wanted.path, "behind a link");
    if (!file) throw system_error(errno, "open", wanted.path);
    return file;
}

Descriptor reopen(const RestoredFiles::Wanted& wanted, int create_flag) {
    auto file = open_for_writing(wanted, create_flag);
    if (!file && (errno == ELOOP || errno == ENXIO || errno == EISDIR || errno == EXDEV))
        throw in_the_way(wanted.path, "there and no regular file");
    if (!file) throw system_error(errno, "open", wanted.path);
    require_regular(file, wanted.path);
    return file;
}

int remove(const RestoredFiles::Wanted& file) {
    if (!file.within) return ::unlink(file.path.c_str());
    const Descriptor above{open_within(*file.within, file.path.parent_path(), O_PATH | O_DIRECTORY | O_CLOEXEC, 0)};
    return above ? ::unlinkat(above.get(), file.path.filename().c_str(), 0) : -1;
}

/// Takes the room and the size at once, so that writers of one file need not wait for each other. Where the filesystem cannot,
/// the file grows as it is written.
void reserve(const Descriptor& file, std::uint64_t size, const std::filesystem::path& path) {
    if (::fallocate(file.get(), 0, 0, static_cast<off_t>(size)) == 0) return;
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR) throw system_error(errno, "fallocate", path);
}

}  // namespace

RestoredFiles::RestoredFiles(std::vector<Wanted> wanted, WriteMode mode) : mode_{mode} {
    files_.reserve(wanted.size());
    for (auto& each : wanted) files_.push_back({std::move(each), nullptr, nullptr});
}

std::shared_ptr<const Descriptor> RestoredFiles::open(std::uint32_t number) { return handles(number).plain; }

RestoredFiles::Handles RestoredFiles::handles(std::uint32_t number) {
    Handles found;
    {
        const std::lock_guard lock{door(number)};
        auto& file = files_[number];
        if (file.handle) return {file.handle, file.direct};
        make_handles(file);
        found = {file.handle, file.direct};
    }
    std::optional<std::uint32_t> oldest;
    {
        const std::lock_guard lock{mutex_};
        open_.push_back(number);
        if (open_.size() > open_max) {
            oldest = open_.front();
            open_.pop_front();
        }
    }
    if (oldest) {
        const std::lock_guard lock{door(*oldest)};
        files_[*oldest].handle.reset();
        files_[*oldest].direct.reset();
    }
    return found;
}

void RestoredFiles::make_handles(File& file) {
    const bool fresh = mode_ == WriteMode::create && !file.created;
    file.handle =
        std::make_shared<const Descriptor>(fresh ? create(file) : reopen(file, mode_ == WriteMode::delta ? O_CREAT : 0));
    if (fresh && file.sparse && ::ftruncate(file.handle->get(), static_cast<off_t>(file.size)) != 0)
        throw system_error(errno, "ftruncate", file.path);
    if (fresh && !file.sparse && file.size >= direct_min) reserve(*file.handle, file.size, file.path);
    file.created = file.created || fresh;
    file.direct = open_direct(file, *file.handle);
}

std::shared_ptr<const Descriptor> RestoredFiles::open_direct(const File& file, const Descriptor& handle) {
    if (!direct_ || mode_ != WriteMode::create || file.sparse || file.size < direct_min) return nullptr;
    const auto same = "/proc/self/fd/" + std::to_string(handle.get());
    Descriptor direct{::open(same.c_str(), O_WRONLY | O_DIRECT | O_CLOEXEC)};
    if (direct) return std::make_shared<const Descriptor>(std::move(direct));
    direct_ = false;
    return nullptr;
}

std::optional<LocalFile> RestoredFiles::find(std::uint32_t number) const {
    const auto& path = files_[number].path;
    try {
        return LocalFile::open_at(AT_FDCWD, path.string(), path);
    } catch (const Error& error) {
        if (error.fault() == Fault::unsupported) throw in_the_way(path, "there and no regular file");
        if (error.fault() != Fault::missing) throw;
    }
    return std::nullopt;
}

void RestoredFiles::write(std::uint32_t number, std::uint64_t offset, ByteView bytes) {
    const auto [plain, direct] = handles(number);
    if (files_[number].sparse && mode_ == WriteMode::create) return write_around_holes(*plain, offset, bytes, path(number));
    const auto head = std::min<std::uint64_t>((page_bytes - offset % page_bytes) % page_bytes, bytes.size());
    const auto middle = (bytes.size() - head) / page_bytes * page_bytes;
    if (!direct || middle == 0 || reinterpret_cast<std::uintptr_t>(bytes.data() + head) % page_bytes != 0)
        return write_plain(*plain, offset, bytes, path(number));
    if (head > 0) write_plain(*plain, offset, bytes.first(head), path(number));
    const auto count = ::pwrite(direct->get(), bytes.data() + head, middle, static_cast<off_t>(offset + head));
    if (count < 0) direct_ = false;  // whatever it is: the page cache decides, and tells
    const auto done = head + static_cast<std::size_t>(std::max<ssize_t>(count, 0));
    if (done < bytes.size()) write_plain(*plain, offset + done, bytes.subspan(done), path(number));
    flush_now_and_then(*direct, done, path(number));
}

void RestoredFiles::write_around_holes(const Descriptor& file, std::uint64_t offset, ByteView bytes,
                                       const std::filesystem::path& path) {
    std::size_t begin = 0, end = 0;  // what must be written, up to here
    while (end < bytes.size()) {
        const auto page =
            bytes.subspan(end, std::min<std::uint64_t>(page_bytes - (offset + end) % page_bytes, bytes.size() - end));
        end += page.size();
        if (std::ranges::any_of(page, [](auto byte) { return byte != 0; })) continue;
        const auto content = bytes.subspan(begin, end - page.size() - begin);
        if (!content.empty()) write_plain(file, offset + begin, content, path);
        begin = end;
    }
    if (begin < end) write_plain(file, offset + begin, bytes.subspan(begin), path);
}

void RestoredFiles::flush_now_and_then(const Descriptor& file, std::uint64_t bytes, const std::filesystem::path& path) {
    // Of those who cross the mark, one resets the count; the others write on meanwhile.
    if ((unflushed_ += bytes) < flush_every) return;
    if (unflushed_.exchange(0) < flush_every) return;
    if (::fdatasync(file.get()) != 0) throw system_error(errno, "fdatasync", path);
}

void RestoredFiles::write_plain(const Descriptor& file, std::uint64_t offset, ByteView bytes, const std::filesystem::path& path) {
    write_all_at(file.get(), offset, bytes, path);
    // The disk may begin with it, so that little is left when all must be durable. A hint: the final sync tells of failures.
    if (bytes.size() >= writeback_min)
        (void)::sync_file_range(file.get(), static_cast<off64_t>(offset), static_cast<off64_t>(bytes.size()),
                                SYNC_FILE_RANGE_WRITE);
}

void RestoredFiles::set_size(std::uint32_t file, std::uint64_t size) {
    const auto handle = open(file);
    if (::ftruncate(handle->get(), static_cast<off_t>(size)) != 0) throw system_error(errno, "ftruncate", path(file));
}

void RestoredFiles::remove_created(std::uint32_t number) {
    const std::lock_guard lock{door(number)};
    auto& file = files_[number];
    if (!file.created) return;
    if (remove(file) != 0 && errno != ENOENT) throw system_error(errno, "unlink", file.path);
}

}  // namespace varve

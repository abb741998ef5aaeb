#include "pipeline/restored_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "varve/error.hpp"

namespace varve {

namespace {

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

Descriptor create(const std::filesystem::path& path) {
    Descriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | careful, 0600)};
    if (!file && errno == EEXIST) throw in_the_way(path, "there already");
    if (!file) throw system_error(errno, "open", path);
    return file;
}

Descriptor reopen(const std::filesystem::path& path, int create_flag) {
    Descriptor file{::open(path.c_str(), O_WRONLY | create_flag | careful, 0600)};
    if (!file && (errno == ELOOP || errno == ENXIO || errno == EISDIR)) throw in_the_way(path, "there and no regular file");
    if (!file) throw system_error(errno, "open", path);
    require_regular(file, path);
    return file;
}

}  // namespace

RestoredFiles::RestoredFiles(std::vector<std::filesystem::path> paths, WriteMode mode) : mode_{mode} {
    files_.reserve(paths.size());
    for (auto& path : paths) files_.push_back({.path = std::move(path), .handle = nullptr});
}

std::shared_ptr<const Descriptor> RestoredFiles::open(std::uint32_t number) {
    const std::lock_guard lock{mutex_};
    auto& file = files_[number];
    if (file.handle) return file.handle;
    const bool fresh = mode_ == WriteMode::create && !file.created;
    file.handle = std::make_shared<const Descriptor>(fresh ? create(file.path)
                                                           : reopen(file.path, mode_ == WriteMode::delta ? O_CREAT : 0));
    file.created = file.created || fresh;
    open_.push_back(number);
    if (open_.size() > open_max) {
        files_[open_.front()].handle.reset();
        open_.pop_front();
    }
    return file.handle;
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

void RestoredFiles::write(std::uint32_t file, std::uint64_t offset, ByteView bytes) {
    write_all_at(open(file)->get(), offset, bytes, path(file));
}

void RestoredFiles::begin_writeback(std::uint32_t file, std::uint64_t from, std::uint64_t to) noexcept {
    // A hint: whatever it cannot do, or finds broken, the final sync does and tells.
    std::shared_ptr<const Descriptor> handle;
    {
        const std::lock_guard lock{mutex_};
        handle = files_[file].handle;
    }
    if (handle)
        (void)::sync_file_range(handle->get(), static_cast<off64_t>(from), static_cast<off64_t>(to - from),
                                SYNC_FILE_RANGE_WRITE);
}

void RestoredFiles::set_size(std::uint32_t file, std::uint64_t size) {
    const auto handle = open(file);
    if (::ftruncate(handle->get(), static_cast<off_t>(size)) != 0) throw system_error(errno, "ftruncate", path(file));
}

void RestoredFiles::remove_created(std::uint32_t number) {
    const std::lock_guard lock{mutex_};
    auto& file = files_[number];
    if (!file.created) return;
    if (::unlink(file.path.c_str()) != 0 && errno != ENOENT) throw system_error(errno, "unlink", file.path);
}

}  // namespace varve

#include "stores/posix_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>

#include "stores/byte_range.hpp"
#include "varve/error.hpp"
#include "varve/failpoint.hpp"

namespace varve::posix_files {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours leftover_age_min{24 * 7};

Error repository_missing(const fs::path& path, int error_number) {
    return Error{Fault::unreachable, "there is no repository at " + path.string()}
        .with("errno", std::to_string(error_number))
        .code("repository_missing", 10)
        .hint("Mount the filesystem that holds it. A new repository is made with: varve init");
}

Descriptor open_folder(int at, const char* name) {
    return Descriptor{::openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

struct CloseFolder {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

/// The names in a directory, without `.`, `..` and other hidden ones: no key has a hidden component.
std::vector<std::string> names_in(Descriptor folder, const fs::path& path) {
    const std::unique_ptr<DIR, CloseFolder> entries{::fdopendir(folder.get())};
    if (!entries) throw system_error(errno, "list", path);
    (void)folder.release();  // closedir closes it
    std::vector<std::string> names;
    for (;;) {
        errno = 0;
        const auto* entry = ::readdir(entries.get());
        if (entry == nullptr && errno != 0) throw system_error(errno, "list", path);
        if (entry == nullptr) return names;
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
}

/// Makes the directories above `key`. They become durable with the next sync_folder.
void make_folders(const Root& root, const std::string& key) {
    for (auto slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1)) {
        const auto folder = key.substr(0, slash);
        if (::mkdirat(root.base.get(), folder.c_str(), 0700) != 0 && errno != EEXIST) {
            throw system_error(errno, "make the directory", root.path / folder);
        }
    }
}

Descriptor open_object(const Root& root, const std::string& key) {
    Descriptor file{::openat(root.base.get(), key.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        throw Error{Fault::missing, "there is no object " + key}.with("path", (root.path / key).string());
    if (!file) throw system_error(errno, "open", root.path / key);
    return file;
}

struct ::stat status_of(const Descriptor& file, const fs::path& path) {
    struct ::stat status{};
    if (::fstat(file.get(), &status) != 0) throw system_error(errno, "stat", path);
    return status;
}

/// Fills `into` from `offset` on; the count is short at the end of the file only.
std::size_t read_at(const Descriptor& file, std::uint64_t offset, std::span<std::uint8_t> into, const fs::path& path,
                    const std::string& key) {
    std::size_t filled = 0;
    while (filled < into.size()) {
        const auto count = ::pread(file.get(), into.data() + filled, into.size() - filled, static_cast<off_t>(offset + filled));
        if (count == 0) break;
        if (count < 0 && errno != EINTR) throw unreadable(errno, path, key);
        if (count > 0) filled += static_cast<std::size_t>(count);
    }
    return filled;
}

/// Whether the object under `key` has exactly these bytes: compared, which says more than a hash of them would.
bool has_bytes(const Root& root, const std::string& key, ByteView body) {
    const auto path = root.path / key;
    const auto file = open_object(root, key);
    if (static_cast<std::uint64_t>(status_of(file, path).st_size) != body.size()) return false;
    Bytes block(std::min<std::size_t>(body.size(), 1u << 20));
    for (std::size_t at = 0; at < body.size(); at += block.size()) {
        const auto wanted = body.subspan(at, std::min(block.size(), body.size() - at));
        const auto count = read_at(file, at, std::span{block}.first(wanted.size()), path, key);
        if (!std::ranges::equal(ByteView{block}.first(count), wanted)) return false;
    }
    return true;
}

/// A new file in `tmp/`, removed when its scope ends: by then it has its second name, or is not wanted.
class Temporary {
public:
    explicit Temporary(const Root& root) : root_{root} {
        static std::atomic<std::uint64_t> number{0};
        const auto now = std::chrono::system_clock::now().time_since_epoch().count();
        name_ = std::to_string(now) + "-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
        file_ = Descriptor{::openat(root.tmp.get(), name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
        if (!file_) throw system_error(errno, "create", path());
    }
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    // A name that cannot be removed harms nobody: sweep() comes back for it.
    ~Temporary() { ::unlinkat(root_.tmp.get(), name_.c_str(), 0); }

    const std::string& name() const noexcept { return name_; }
    int descriptor() const noexcept { return file_.get(); }
    fs::path path() const { return root_.path / "tmp" / name_; }

private:
    const Root& root_;
    std::string name_;
    Descriptor file_;
};

Instant modified_at(const struct ::stat& status) {
    return Instant{std::chrono::seconds{status.st_mtim.tv_sec}} + std::chrono::microseconds{status.st_mtim.tv_nsec / 1000};
}

}  // namespace

Error unreadable(int error_number, const fs::path& path, const std::string& key) {
    auto error = system_error(error_number, "read", path);
    if (error_number != EIO && error_number != EUCLEAN && error_number != EBADMSG) return error;
    auto damage = Error{Fault::corrupt, error.sentence()}.hint(error.remedy()).with("object", key);
    for (const auto& [name, value] : error.context()) damage.with(name, value);
    return damage;
}

Root open_root(const fs::path& path) {
    Root root{path, Descriptor{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)}, {}};
    if (root.base) root.tmp = open_folder(root.base.get(), "tmp");
    if (root.tmp) return root;
    if (errno == ENOENT || errno == ENOTDIR) throw repository_missing(path, errno);
    throw system_error(errno, "open", root.base ? path / "tmp" : path);
}

void create_root(const fs::path& path) {
    make_directories(path);
    const Descriptor base{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!base) throw system_error(errno, "open", path);
    if (open_folder(base.get(), "tmp")) return;
    auto names = names_in(Descriptor{::dup(base.get())}, path);
    std::erase(names, "lost+found");
    if (!names.empty()) {
        throw Error{Fault::conflict, path.string() + " is no repository, and is not empty"}.hint(
            "Name a directory that does not exist, or an empty one.");
    }
    make_directories(path / "tmp");
}

void sweep(const Root& root) {
    const auto oldest = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()) - leftover_age_min;
    for (const auto& name : names_in(open_folder(root.base.get(), "tmp"), root.path / "tmp")) {
        struct ::stat status{};
        if (::fstatat(root.tmp.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // its owner was faster
        if (S_ISREG(status.st_mode) && modified_at(status) < oldest) ::unlinkat(root.tmp.get(), name.c_str(), 0);
    }
}

void put(const Root& root, const std::string& key, ByteView body) {
    const Temporary temporary{root};
    failpoint("posix.created");
    write_all(temporary.descriptor(), body, temporary.path());
    failpoint("posix.written");
    if (::fdatasync(temporary.descriptor()) != 0) throw SyncFailed{system_error(errno, "fdatasync", temporary.path()).sentence()};
    failpoint("posix.synced");
    make_folders(root, key);
    failpoint("posix.made_folders");
    if (::linkat(root.tmp.get(), temporary.name().c_str(), root.base.get(), key.c_str(), 0) != 0) {
        if (errno != EEXIST) throw system_error(errno, "link a new object to", root.path / key);
        if (!has_bytes(root, key, body)) {
            throw Error{Fault::conflict, "other bytes are stored under " + key}.with("path", (root.path / key).string());
        }
    }
    failpoint("posix.linked");
}

void sync_folder(const Root& root, const std::string& folder) {
    const auto opened = open_folder(root.base.get(), folder.empty() ? "." : folder.c_str());
    if (!opened) throw SyncFailed{system_error(errno, "open", root.path / folder).sentence()};
    if (::fsync(opened.get()) != 0) throw SyncFailed{system_error(errno, "fsync", root.path / folder).sentence()};
    failpoint("posix.synced_folder");
}

Bytes get(const Root& root, const std::string& key, const ByteRange& range) {
    const auto path = root.path / key;
    const auto file = open_object(root, key);
    const auto status = status_of(file, path);
    if (!S_ISREG(status.st_mode)) throw Error{Fault::missing, "there is no object " + key}.with("path", path.string());
    const auto extent = extent_of(range, static_cast<std::uint64_t>(status.st_size));
    Bytes bytes(extent.count);
    bytes.resize(read_at(file, extent.from, bytes, path, key));
    return bytes;
}

std::optional<ObjectInfo> find(const Root& root, const std::string& key) {
    struct ::stat status{};
    if (::fstatat(root.base.get(), key.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) return {};
        throw system_error(errno, "stat", root.path / key);
    }
    if (!S_ISREG(status.st_mode)) return {};
    return ObjectInfo{ObjectKey{key}, static_cast<std::uint64_t>(status.st_size), modified_at(status)};
}

void remove(const Root& root, const std::string& key) {
    if (::unlinkat(root.base.get(), key.c_str(), 0) != 0) {
        if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR) throw Error{Fault::missing, "there is no object " + key};
        throw system_error(errno, "remove", root.path / key);
    }
    failpoint("posix.removed");
}

std::vector<Listed> list(const Root& root, const std::string& folder, Absent absent) {
    auto opened = open_folder(root.base.get(), folder.empty() ? "." : folder.c_str());
    if (!opened && absent == Absent::is_empty && (errno == ENOENT || errno == ENOTDIR)) return {};
    if (!opened) throw system_error(errno, "open", root.path / folder);
    const Descriptor at{::dup(opened.get())};
    if (!at) throw system_error(errno, "open", root.path / folder);
    std::vector<Listed> entries;
    for (const auto& name : names_in(std::move(opened), root.path / folder)) {
        if (folder.empty() && (name == "tmp" || name == "lost+found")) continue;
        struct ::stat status{};
        if (::fstatat(at.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) continue;  // removed since
            throw system_error(errno, "stat", root.path / folder / name);
        }
        const auto key = folder + name;
        if (S_ISDIR(status.st_mode)) entries.push_back({key + "/", true, {}});
        if (S_ISREG(status.st_mode)) {
            entries.push_back({key, false, {ObjectKey{key}, static_cast<std::uint64_t>(status.st_size), modified_at(status)}});
        }
    }
    std::ranges::sort(entries, {}, &Listed::key);
    return entries;
}

}  // namespace varve::posix_files

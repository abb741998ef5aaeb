// What makes files and directories durable: whole writes, directory syncs, locks.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <set>

#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve {
namespace {

namespace fs = std::filesystem;

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path{"."}; }

/// A file beside `path` that removes itself unless it was moved into place.
class Temporary {
public:
    Temporary(const fs::path& path, ByteView content, mode_t mode) {
        static std::atomic<unsigned> number{0};
        path_ = folder_of(path) /
                ("." + path.filename().string() + "." + std::to_string(::getpid()) + "-" + std::to_string(number++) + ".tmp");
        ::unlink(path_.c_str());  // left by an earlier process of this number
        file_ = Descriptor{::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
        if (!file_) throw system_error(errno, "create", path_);
        try {
            write_all(file_.get(), content, path_);
            if (::fchmod(file_.get(), mode) != 0) throw system_error(errno, "chmod", path_);
            if (::fsync(file_.get()) != 0) throw system_error(errno, "fsync", path_);
        } catch (...) {
            ::unlink(path_.c_str());
            throw;
        }
    }
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    ~Temporary() {
        if (!moved_) ::unlink(path_.c_str());
    }
    const fs::path& path() const noexcept { return path_; }
    void moved() noexcept { moved_ = true; }

private:
    fs::path path_;
    Descriptor file_;
    bool moved_ = false;
};

}  // namespace

void replace_file(const fs::path& path, ByteView content, mode_t mode) {
    Temporary temporary{path, content, mode};
    if (::rename(temporary.path().c_str(), path.c_str()) != 0) throw system_error(errno, "rename a new file to", path);
    temporary.moved();
    fsync_directory(folder_of(path));
}

void create_file(const fs::path& path, ByteView content, mode_t mode) {
    const Temporary temporary{path, content, mode};
    if (::link(temporary.path().c_str(), path.c_str()) != 0) {
        if (errno == EEXIST) throw Error{Fault::conflict, path.string() + " is there already"}.with("path", path.string());
        throw system_error(errno, "link a new file to", path);
    }
    fsync_directory(folder_of(path));
}

void fsync_directory(const fs::path& path) {
    const Descriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!folder) throw system_error(errno, "open", path);
    if (::fsync(folder.get()) != 0) throw system_error(errno, "fsync", path);
}

HeldFilesystems::HeldFilesystems(const std::vector<fs::path>& directories) {
    std::set<dev_t> devices;
    for (const auto& path : directories) {
        Descriptor folder{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (!folder) throw system_error(errno, "open", path);
        struct ::stat status{};
        if (::fstat(folder.get(), &status) != 0) throw system_error(errno, "fstat", path);
        if (devices.insert(status.st_dev).second) held_.push_back({path, std::move(folder)});
    }
}

void HeldFilesystems::sync() const {
    for (const auto& held : held_)
        if (::syncfs(held.folder.get()) != 0) throw system_error(errno, "syncfs", held.path);
}

void make_directories(const fs::path& path, mode_t mode) {
    if (path.empty() || fs::is_directory(path)) return;
    const auto folder = folder_of(path);
    if (folder != path) make_directories(folder, mode);
    if (::mkdir(path.c_str(), mode) != 0) {
        if (errno == EEXIST && fs::is_directory(path)) return;
        throw system_error(errno, "make the directory", path);
    }
    fsync_directory(path);
    fsync_directory(folder);
}

std::optional<FileLock> FileLock::try_take(const fs::path& path) {
    Descriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)};
    if (!file) throw system_error(errno, "open", path);
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return {};
        throw system_error(errno, "lock", path);
    }
    const auto pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file.get(), 0) != 0) throw system_error(errno, "truncate", path);
    write_all_at(file.get(), 0, view_of(pid), path);
    return FileLock{std::move(file)};
}

int FileLock::holder(const fs::path& path) {
    const auto content = find_file(path, 64);
    if (!content) return 0;
    const auto text = text_of(*content);
    int pid = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), pid);
    return failure == std::errc{} ? pid : 0;
}

}  // namespace varve

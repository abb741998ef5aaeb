#include "base/shared_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "varve/error.hpp"

namespace varve {

namespace {

using Inode = std::pair<dev_t, ino_t>;

Descriptor open_again(const Descriptor& found, const std::filesystem::path& path) {
    const auto door = "/proc/self/fd/" + std::to_string(found.get());
    // Reading for a backup should not look like use; only the owner may ask for that.
    Descriptor file{::open(door.c_str(), O_RDONLY | O_NOATIME | O_CLOEXEC)};
    if (!file && errno == EPERM) file = Descriptor{::open(door.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) throw system_error(errno, "open", path);
    return file;
}

/// Process-wide because the kernel's locks are. Files are opened and closed outside the mutex: one that hangs must not stop all.
class SharedFiles {
public:
    std::shared_ptr<const Descriptor> open(const Descriptor& found, Inode inode, const std::filesystem::path& path) {
        {
            std::unique_lock lock{mutex_};
            for (;;) {
                const auto [known, is_new] = files_.try_emplace(inode);
                if (is_new) break;  // it is ours to open: who comes next waits
                if (auto shared = known->second.lock()) return shared;
                changed_.wait(lock);
            }
        }
        try {
            auto file = std::make_unique<const Descriptor>(open_again(found, path));
            std::shared_ptr<const Descriptor> shared{file.release(), [this, inode](const Descriptor* last) {
                                                         delete last;
                                                         forget(inode);
                                                     }};
            const std::lock_guard lock{mutex_};
            files_[inode] = shared;
            changed_.notify_all();
            return shared;
        } catch (...) {
            forget(inode);
            throw;
        }
    }

private:
    void forget(Inode inode) {
        const std::lock_guard lock{mutex_};
        files_.erase(inode);
        changed_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    /// An entry stands from before its file is opened until after it is closed; between the two it can be locked.
    std::map<Inode, std::weak_ptr<const Descriptor>> files_;
};

SharedFiles& shared_files() {
    static auto* const files = new SharedFiles;  // never destroyed: files may be open when the process ends
    return *files;
}

}  // namespace

std::shared_ptr<const Descriptor> open_shared(const Descriptor& found, const struct ::stat& status,
                                              const std::filesystem::path& path) {
    return shared_files().open(found, {status.st_dev, status.st_ino}, path);
}

}  // namespace varve

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

/// Process-wide because the kernel's locks are.
class SharedFiles {
public:
    std::shared_ptr<const Descriptor> open(const Descriptor& found, Inode inode, const std::filesystem::path& path) {
        std::unique_lock lock{mutex_};
        for (;;) {
            const auto known = files_.find(inode);
            if (known == files_.end()) break;
            if (auto shared = known->second.lock()) return shared;
            closed_.wait(lock);
        }
        auto file = open_again(found, path);
        const auto close = [this, inode](const Descriptor* last) {
            const std::lock_guard closing{mutex_};
            delete last;
            files_.erase(inode);
            closed_.notify_all();
        };
        auto raw = std::make_unique<const Descriptor>(std::move(file));
        auto& known = files_[inode];
        // A constructor that throws calls `close`, which wants the mutex.
        lock.unlock();
        std::shared_ptr<const Descriptor> shared{raw.release(), close};
        lock.lock();
        known = shared;
        closed_.notify_all();
        return shared;
    }

private:
    static Descriptor open_again(const Descriptor& found, const std::filesystem::path& path) {
        const auto door = "/proc/self/fd/" + std::to_string(found.get());
        // Reading for a backup should not look like use; only the owner may ask for that.
        Descriptor file{::open(door.c_str(), O_RDONLY | O_NOATIME | O_CLOEXEC)};
        if (!file && errno == EPERM) file = Descriptor{::open(door.c_str(), O_RDONLY | O_CLOEXEC)};
        if (!file) throw system_error(errno, "open", path);
        return file;
    }

    std::mutex mutex_;
    std::condition_variable closed_;
    std::map<Inode, std::weak_ptr<const Descriptor>> files_;  ///< an entry stays until its descriptor is closed
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

#include "mysql/scratch_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>

#include "varve/error.hpp"

namespace varve::mysql {

namespace {

namespace fs = std::filesystem;

constexpr const char* prefix = "varve-scratch-";

Descriptor open_folder(const fs::path& path) {
    return Descriptor{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
}

bool is_ours(const Descriptor& folder) {
    struct ::stat status{};
    return folder && ::fstat(folder.get(), &status) == 0 && status.st_uid == ::geteuid();
}

bool try_lock(const Descriptor& folder) { return ::flock(folder.get(), LOCK_EX | LOCK_NB) == 0; }

void remove_abandoned(const fs::path& beside) {
    std::error_code problem;
    for (const auto& entry : fs::directory_iterator{beside, problem}) {
        if (!entry.path().filename().string().starts_with(prefix)) continue;
        const auto folder = open_folder(entry.path());
        std::error_code ignored;  // the next one tries again
        if (is_ours(folder) && try_lock(folder)) fs::remove_all(entry.path(), ignored);
    }
}

}  // namespace

ScratchFolder::ScratchFolder(const fs::path& beside) {
    make_directories(beside);
    remove_abandoned(beside);
    for (;;) {
        auto name = (beside / (std::string{prefix} + "XXXXXX")).string();
        if (::mkdtemp(name.data()) == nullptr) throw system_error(errno, "mkdtemp", name);
        path_ = name;
        lock_ = open_folder(path_);
        if (!lock_) throw system_error(errno, "open", path_);
        const bool locked = try_lock(lock_);
        // Whoever clears away beside us may have found it before it was locked; then it goes. A filesystem without such locks
        // keeps others from clearing too.
        if (locked ? fs::exists(path_) : errno != EWOULDBLOCK) return;
    }
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

}  // namespace varve::mysql

#include "files/tree_reader.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace varve::files {
namespace {

namespace fs = std::filesystem;

struct CloseFolder {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::optional<EntryKind> kind_of(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFREG:
            return EntryKind::file;
        case S_IFDIR:
            return EntryKind::directory;
        case S_IFLNK:
            return EntryKind::symlink;
        case S_IFIFO:
            return EntryKind::fifo;
        case S_IFCHR:
            return EntryKind::character_device;
        case S_IFBLK:
            return EntryKind::block_device;
        default:
            return {};
    }
}

std::string link_target(int folder, const std::string& name, const fs::path& path) {
    std::string target(PATH_MAX, '\0');
    const auto length = ::readlinkat(folder, name.c_str(), target.data(), target.size());
    if (length < 0) throw system_error(errno, "read the link", path);
    target.resize(static_cast<std::size_t>(length));
    return target;
}

/// A name without following it, for the calls that know no folder descriptor.
std::string door(int folder, const std::string& name) { return "/proc/self/fd/" + std::to_string(folder) + "/" + name; }

/// Extended attributes, among them access lists. Filesystems without them have none.
void read_attributes(const std::string& at, const fs::path& path, Properties& into) {
    std::string names(64u << 10, '\0'), value(64u << 10, '\0');  // the kernel's own limits
    const auto length = ::llistxattr(at.c_str(), names.data(), names.size());
    if (length < 0) {
        if (errno == ENOTSUP || errno == ENOENT) return;
        throw system_error(errno, "list the attributes of", path);
    }
    for (std::size_t begin = 0; begin < static_cast<std::size_t>(length);) {
        const std::string name{names.c_str() + begin};
        begin += name.size() + 1;
        const auto size = ::lgetxattr(at.c_str(), name.c_str(), value.data(), value.size());
        if (size < 0 && errno == ENODATA) continue;
        if (size < 0) throw system_error(errno, "read the attribute " + name + " of", path);
        into[std::string{xattr_mark} + name] = value.substr(0, static_cast<std::size_t>(size));
    }
}

Descriptor open_directory(int at, const char* name, int flags) {
    return Descriptor{::openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags)};
}

}  // namespace

std::string join(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + "/" + name; }

void refresh(Entry& entry, const struct ::stat& status) {
    entry.size = entry.kind == EntryKind::file ? static_cast<std::uint64_t>(status.st_size) : 0;
    constexpr std::uint64_t block = 512;  // of st_blocks
    if (static_cast<std::uint64_t>(status.st_blocks) * block < entry.size)
        entry.attributes[std::string{sparse_mark}] = "yes";
    else
        entry.attributes.erase(std::string{sparse_mark});
    entry.mode = status.st_mode & 07777;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.mtime_ns = nanoseconds(status.st_mtim);
    entry.ctime_ns = nanoseconds(status.st_ctim);
    entry.device = status.st_dev;
    entry.inode = status.st_ino;
}

std::shared_ptr<Folder> TreeReader::open_root(const fs::path& path, std::string entry_path) {
    auto folder = std::make_shared<Folder>();
    folder->descriptor = open_directory(AT_FDCWD, path.c_str(), 0);
    if (!folder->descriptor) throw system_error(errno, "open", path);
    struct ::stat status{};
    if (::fstat(folder->descriptor.get(), &status) != 0) throw system_error(errno, "stat", path);
    folder->path = path;
    folder->entry_path = std::move(entry_path);
    folder->device = status.st_dev;
    return folder;
}

std::shared_ptr<Folder> TreeReader::open_folder(const Folder& parent, const std::string& name) {
    auto folder = std::make_shared<Folder>();
    folder->path = parent.path / name;
    folder->descriptor = open_directory(parent.descriptor.get(), name.c_str(), O_NOFOLLOW);
    if (!folder->descriptor) throw system_error(errno, "open", folder->path);
    folder->entry_path = join(parent.entry_path, name);
    folder->below = join(parent.below, name);
    folder->device = parent.device;
    folder->depth = parent.depth + 1;
    return folder;
}

std::vector<std::string> TreeReader::names(const Folder& folder) {
    // A second descriptor of its own: fdopendir takes it, and its position is not shared.
    Descriptor own = open_directory(folder.descriptor.get(), ".", 0);
    if (!own) throw system_error(errno, "open", folder.path);
    const std::unique_ptr<DIR, CloseFolder> entries{::fdopendir(own.get())};
    if (!entries) throw system_error(errno, "list", folder.path);
    (void)own.release();
    std::vector<std::string> all;
    for (;;) {
        errno = 0;
        const auto* entry = ::readdir(entries.get());
        if (entry == nullptr && errno != 0) throw system_error(errno, "list", folder.path);
        if (entry == nullptr) break;
        const std::string_view name{entry->d_name};
        if (name != "." && name != "..") all.emplace_back(name);
    }
    std::ranges::sort(all);
    return all;
}

Seen TreeReader::look(const Folder& folder, const std::string& name) {
    Seen seen{.name = name, .entry = {}, .failure = {}};
    const auto path = folder.path / name;
    try {
        struct ::stat status{};
        const int at = folder.descriptor.get();
        if (::fstatat(at, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) throw system_error(errno, "stat", path);
        const auto kind = kind_of(status.st_mode);
        seen.is_socket = !kind;
        if (!kind) return seen;
        seen.entry.kind = *kind;
        seen.entry.path = join(folder.entry_path, name);
        seen.links = status.st_nlink;
        fill(seen.entry, status);
        if (*kind == EntryKind::symlink) seen.entry.link_target = link_target(at, name, path);
        if (*kind == EntryKind::character_device || *kind == EntryKind::block_device) {
            seen.entry.attributes[std::string{device_mark}] = std::to_string(status.st_rdev);
        }
        read_attributes(door(at, name), path, seen.entry.attributes);
    } catch (const Error& error) {
        seen.gone = error.fault() == Fault::missing;
        seen.failure = error;
    }
    return seen;
}

Seen TreeReader::look_at_root(const Folder& folder) {
    auto seen = look(folder, ".");
    seen.entry.path = folder.entry_path.empty() ? "." : folder.entry_path;
    return seen;
}

void TreeReader::fill(Entry& entry, const struct ::stat& status) {
    refresh(entry, status);
    const std::lock_guard lock{mutex_};
    entry.user = user_name(status.st_uid);
    entry.group = group_name(status.st_gid);
}

std::string TreeReader::user_name(uid_t id) {
    const auto [at, is_new] = users_.try_emplace(id);
    std::array<char, 16384> room{};
    struct ::passwd entry{};
    struct ::passwd* found = nullptr;
    if (is_new && ::getpwuid_r(id, &entry, room.data(), room.size(), &found) == 0 && found != nullptr) at->second = entry.pw_name;
    return at->second;
}

std::string TreeReader::group_name(gid_t id) {
    const auto [at, is_new] = groups_.try_emplace(id);
    std::array<char, 65536> room{};
    struct ::group entry{};
    struct ::group* found = nullptr;
    if (is_new && ::getgrgid_r(id, &entry, room.data(), room.size(), &found) == 0 && found != nullptr) at->second = entry.gr_name;
    return at->second;
}

}  // namespace varve::files

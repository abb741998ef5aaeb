#include "files/tree_writer.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "files/tree_reader.hpp"
#include "varve/error.hpp"

namespace varve::files {
namespace {

namespace fs = std::filesystem;

Error bad_path(const std::string& path) {
    return Error{Fault::corrupt, "the backup's list holds a path that leads out of the tree: \"" + path + "\""};
}

/// Calls `visit(component, is_last)` for each part of a path of the list. The list was signed, and is checked all the same.
template <class Visit>
void each_component(const std::string& path, Visit visit) {
    for (std::size_t begin = 0;;) {
        const auto slash = path.find('/', begin);
        const auto part = path.substr(begin, slash == std::string::npos ? slash : slash - begin);
        if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos) throw bad_path(path);
        visit(part, slash == std::string::npos);
        if (slash == std::string::npos) return;
        begin = slash + 1;
    }
}

Descriptor open_folder(int at, const std::string& name, const fs::path& path) {
    Descriptor folder{::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!folder) throw system_error(errno, "open", path);
    return folder;
}

timespec time_of(std::int64_t nanoseconds) {
    constexpr std::int64_t second = 1'000'000'000;
    auto seconds = nanoseconds / second;
    auto rest = nanoseconds % second;
    if (rest < 0) {
        rest += second;
        --seconds;
    }
    return {static_cast<time_t>(seconds), static_cast<long>(rest)};
}

/// A right or an ability is missing here, and the content is none the worse for it.
bool is_tolerable(int error_number) {
    return error_number == EPERM || error_number == EACCES || error_number == ENOTSUP || error_number == EINVAL ||
           error_number == ENOSYS;
}

dev_t device_number(const Entry& entry) {
    const auto found = entry.attributes.find(std::string{device_mark});
    std::uint64_t number = 0;
    if (found != entry.attributes.end()) {
        const auto& text = found->second;
        std::from_chars(text.data(), text.data() + text.size(), number);
    }
    return number;
}

/// One system call where the kernel has it (Linux 6.6): the C library's own way takes four. 0, or -1 with errno.
int change_mode(int folder, const char* name, mode_t mode) {
    constexpr long fchmodat2 = 452;
    const auto result = ::syscall(fchmodat2, folder, name, mode, AT_SYMLINK_NOFOLLOW);
    if (result == 0 || errno != ENOSYS) return static_cast<int>(result);
    return ::fchmodat(folder, name, mode, AT_SYMLINK_NOFOLLOW);
}

std::optional<std::pair<uid_t, gid_t>> find_owner(const std::optional<std::string>& owner) {
    if (!owner) return std::nullopt;
    std::array<char, 16384> room{};
    struct ::passwd entry{};
    struct ::passwd* found = nullptr;
    if (::getpwnam_r(owner->c_str(), &entry, room.data(), room.size(), &found) != 0 || found == nullptr)
        throw Error{Fault::missing, "there is no user " + *owner + " on this host"};
    return std::pair{entry.pw_uid, entry.pw_gid};
}

void require_empty(const fs::path& to) {
    if (fs::is_empty(to)) return;
    throw Error{Fault::conflict, to.string() + " is not empty"}.hint(
        "Name a directory that does not exist, and move what you need from there.");
}

}  // namespace

std::string NotSet::sentence() const {
    std::string text;
    const auto add = [&](std::uint64_t count, const char* what) {
        if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + what;
    };
    add(owners, " owners");
    add(attributes, " extended attributes");
    add(devices, " devices");
    return text.empty() ? text : "Not set: " + text + " (" + first + ").";
}

void NotSet::add(const NotSet& other) {
    owners += other.owners;
    attributes += other.attributes;
    devices += other.devices;
    if (first.empty()) first = other.first;
}

void check_target(const fs::path& to, const std::optional<std::string>& owner) {
    find_owner(owner);
    std::error_code nothing;
    if (!fs::exists(fs::symlink_status(to, nothing))) return;
    if (!fs::is_directory(to)) throw Error{Fault::conflict, to.string() + " is there and no directory"};
    require_empty(to);
}

TreeWriter::TreeWriter(fs::path to, const std::optional<std::string>& owner) : to_{std::move(to)}, owner_{find_owner(owner)} {
    make_directories(to_);
    Descriptor opened{::open(to_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!opened) throw system_error(errno, "open", to_);
    root_ = std::make_shared<const OpenedFolder>(to_, std::move(opened));
    require_empty(to_);
}

std::unique_ptr<TreeWriter> TreeWriter::another() const {
    std::unique_ptr<TreeWriter> hand{new TreeWriter};
    hand->to_ = to_;
    hand->root_ = root_;
    hand->owner_ = owner_;
    return hand;
}

fs::path TreeWriter::place_of(const Entry& entry) const {
    each_component(entry.path, [](const std::string&, bool) {});
    return to_ / entry.path;
}

void TreeWriter::make_folders_above(const Entry& entry) {
    if (entry.path == ".") return;
    const auto folder_path = entry.path.substr(0, entry.path.rfind('/') == std::string::npos ? 0 : entry.path.rfind('/'));
    if (made_above_ == folder_path) return;  // as for its neighbour
    std::string above;
    Descriptor folder;
    each_component(entry.path, [&](const std::string& part, bool is_last) {
        if (is_last) return;
        const int at = folder ? folder.get() : root_->descriptor.get();
        above = join(above, part);
        if (::mkdirat(at, part.c_str(), 0755) != 0 && errno != EEXIST)
            throw system_error(errno, "make the directory", to_ / above);
        folder = open_folder(at, part, to_ / above);
    });
    made_above_ = folder_path;
}

TreeWriter::Place TreeWriter::find_place(const std::string& path) {
    if (path == ".") return {root_->descriptor.get(), "."};
    const auto slash = path.rfind('/');
    const auto wanted = slash == std::string::npos ? std::string{} : path.substr(0, slash);
    if (!folder_ || wanted != folder_path_) {
        Descriptor folder = open_folder(root_->descriptor.get(), ".", to_);
        std::string so_far;
        each_component(path, [&](const std::string& part, bool is_last) {
            if (is_last) return;
            so_far = join(so_far, part);
            folder = open_folder(folder.get(), part, to_ / so_far);
        });
        folder_ = std::move(folder);
        folder_path_ = wanted;
    }
    return {folder_.get(), path.substr(slash + 1)};
}

void TreeWriter::make_folder(const Entry& entry) {
    if (entry.path == ".") return;
    make_folders_above(entry);
    const auto place = find_place(entry.path);
    // It may be there: made above for an entry that came first.
    if (::mkdirat(place.folder, place.name.c_str(), 0700) != 0 && errno != EEXIST) {
        throw system_error(errno, "make the directory", to_ / entry.path);
    }
}

void TreeWriter::make_other(const Entry& entry) {
    if (entry.kind == EntryKind::file || entry.kind == EntryKind::directory) return;
    make_folders_above(entry);
    const auto path = place_of(entry);
    const auto make = [&](const char* what, int result) {
        if (result != 0) throw system_error(errno, what, path);
    };
    const auto place = find_place(entry.path);
    switch (entry.kind) {
        case EntryKind::symlink:
            make("make the link", ::symlinkat(entry.link_target.c_str(), place.folder, place.name.c_str()));
            break;
        case EntryKind::fifo:
            make("make the FIFO", ::mkfifoat(place.folder, place.name.c_str(), 0600));
            break;
        case EntryKind::hardlink: {
            const Descriptor here{::dup(place.folder)};  // looking for the first name closes this folder
            const auto first = find_place(entry.link_target);
            make("link the second name", ::linkat(first.folder, first.name.c_str(), here.get(), place.name.c_str(), 0));
            break;
        }
        case EntryKind::character_device:
        case EntryKind::block_device: {
            const mode_t kind = entry.kind == EntryKind::block_device ? S_IFBLK : S_IFCHR;
            if (::mknodat(place.folder, place.name.c_str(), kind | 0600, device_number(entry)) == 0) break;
            if (!is_tolerable(errno)) throw system_error(errno, "make the device", path);
            note(not_set_.devices, system_error(errno, "make the device", path));
            break;
        }
        default:
            throw Error{Fault::unsupported, "the backup's list holds an entry of an unknown kind: " + entry.path};
    }
}

void TreeWriter::finish(const Entry& entry) {
    if (entry.kind == EntryKind::hardlink) return;  // the first name carries everything
    const auto place = find_place(entry.path);
    const bool is_device = entry.kind == EntryKind::character_device || entry.kind == EntryKind::block_device;
    if (is_device && ::faccessat(place.folder, place.name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) return;  // noted before
    const auto path = to_ / entry.path;
    set_owner(place, entry);  // first: a change of owner clears set-user-id and capabilities
    const bool has_mode = entry.kind != EntryKind::symlink;
    if (has_mode && change_mode(place.folder, place.name.c_str(), entry.mode & 07777) != 0)
        throw system_error(errno, "chmod", path);
    set_attributes(place, entry);
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, time_of(entry.mtime_ns)};
    if (::utimensat(place.folder, place.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
        throw system_error(errno, "set the times of", path);
}

void TreeWriter::set_owner(const Place& place, const Entry& entry) {
    struct ::stat now{};
    if (::fstatat(place.folder, place.name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0)
        throw system_error(errno, "stat", to_ / entry.path);
    const auto user = owner_ ? owner_->first : user_id(entry);
    const auto group = owner_ ? owner_->second : group_id(entry);
    if (now.st_uid == user && now.st_gid == group) return;
    if (::fchownat(place.folder, place.name.c_str(), user, group, AT_SYMLINK_NOFOLLOW) == 0) return;
    if (!is_tolerable(errno)) throw system_error(errno, "chown", to_ / entry.path);
    note(not_set_.owners, system_error(errno, "chown", to_ / entry.path));
}

void TreeWriter::set_attributes(const Place& place, const Entry& entry) {
    const auto door = "/proc/self/fd/" + std::to_string(place.folder) + "/" + place.name;
    for (const auto& [mark, value] : entry.attributes) {
        if (!mark.starts_with(xattr_mark)) continue;
        const auto name = mark.substr(xattr_mark.size());
        if (::lsetxattr(door.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
        const auto error = system_error(errno, "set the attribute " + name + " of", to_ / entry.path);
        if (!is_tolerable(errno)) throw error;
        note(not_set_.attributes, error);
    }
}

void TreeWriter::note(std::uint64_t& count, const Error& error) {
    ++count;
    if (not_set_.first.empty()) not_set_.first = error.sentence();
}

/// By name where this host knows it, or else by number.
uid_t TreeWriter::user_id(const Entry& entry) {
    if (entry.user.empty()) return entry.uid;
    const auto [at, is_new] = users_.try_emplace(entry.user, entry.uid);
    std::array<char, 16384> room{};
    struct ::passwd found{};
    struct ::passwd* result = nullptr;
    if (is_new && ::getpwnam_r(entry.user.c_str(), &found, room.data(), room.size(), &result) == 0 && result != nullptr) {
        at->second = found.pw_uid;
    }
    return at->second;
}

gid_t TreeWriter::group_id(const Entry& entry) {
    if (entry.group.empty()) return entry.gid;
    const auto [at, is_new] = groups_.try_emplace(entry.group, entry.gid);
    std::array<char, 65536> room{};
    struct ::group found{};
    struct ::group* result = nullptr;
    if (is_new && ::getgrnam_r(entry.group.c_str(), &found, room.data(), room.size(), &result) == 0 && result != nullptr) {
        at->second = found.gr_gid;
    }
    return at->second;
}

}  // namespace varve::files

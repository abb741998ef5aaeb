#include "postgresql/walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <set>

#include "postgresql/page_check.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

template <std::size_t n>
bool one_of(const std::array<std::string_view, n>& names, std::string_view name) noexcept {
    return std::ranges::find(names, name) != names.end();
}

bool all_digits(std::string_view name) noexcept {
    return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
}

struct CloseDirectory {
    void operator()(DIR* raw) const noexcept { ::closedir(raw); }
};

/// The names in a directory, sorted; nothing when it has vanished.
std::optional<std::vector<std::string>> names_in(const fs::path& path) {
    const std::unique_ptr<DIR, CloseDirectory> directory{::opendir(path.c_str())};
    if (!directory) {
        if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
        throw system_error(errno, "opendir", path);
    }
    std::vector<std::string> names;
    for (;;) {
        errno = 0;
        const auto* found = ::readdir(directory.get());
        if (found == nullptr) break;
        const std::string_view name{found->d_name};
        if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) throw system_error(errno, "readdir", path);
    std::ranges::sort(names);
    return names;
}

/// The numbers of the unlogged relations in a database's directory: those that have an init fork.
std::set<std::string, std::less<>> unlogged_relations(const std::vector<std::string>& names) {
    std::set<std::string, std::less<>> numbers;
    for (const auto& name : names)
        if (const auto file = find_relation_file(name); file && file->fork == "init") numbers.emplace(file->relation);
    return numbers;
}

Entry entry_of(std::string path, EntryKind kind, const struct ::stat& status) {
    Entry entry;
    entry.path = std::move(path);
    entry.kind = kind;
    entry.size = kind == EntryKind::file ? static_cast<std::uint64_t>(status.st_size) : 0;
    entry.mode = status.st_mode & 07777;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.mtime_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
    entry.ctime_ns = status.st_ctim.tv_sec * 1'000'000'000LL + status.st_ctim.tv_nsec;
    entry.device = status.st_dev;
    entry.inode = status.st_ino;
    return entry;
}

class Walker {
public:
    Walker(std::string version_folder, std::uint32_t segment_blocks)
        : version_folder_{std::move(version_folder)}, segment_blocks_{segment_blocks} {}

    Walk data_directory(const fs::path& path) {
        const auto status = status_of(path);
        if (!status) throw Error{Fault::missing, "there is no data directory " + path.string()};
        find_tablespaces_inside(path);
        add(entry_of("pgdata", EntryKind::directory, *status), path);
        for (const auto& name : names_in(path).value_or(std::vector<std::string>{})) top(path / name, name);
        return std::move(walk_);
    }

private:
    static std::optional<struct ::stat> status_of(const fs::path& path, int flags = 0) {
        struct ::stat status{};
        if (::fstatat(AT_FDCWD, path.c_str(), &status, flags) == 0) return status;
        if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
        throw system_error(errno, "stat", path);
    }

    WalkItem& add(Entry entry, fs::path path) {
        walk_.bytes += entry.size;
        entry.user = user_name(entry.uid);
        entry.group = group_name(entry.gid);
        return walk_.items.emplace_back(std::move(entry), std::move(path), std::nullopt);
    }

    /// A restore goes by names: a number may be somebody else's on another host.
    const std::string& user_name(uid_t uid) {
        const auto [name, added] = users_.try_emplace(uid);
        if (!added) return name->second;
        std::array<char, 16384> room{};
        struct ::passwd entry{};
        struct ::passwd* found = nullptr;
        if (::getpwuid_r(uid, &entry, room.data(), room.size(), &found) == 0 && found != nullptr) name->second = found->pw_name;
        return name->second;
    }
    const std::string& group_name(gid_t gid) {
        const auto [name, added] = groups_.try_emplace(gid);
        if (!added) return name->second;
        std::array<char, 16384> room{};
        struct ::group entry{};
        struct ::group* found = nullptr;
        if (::getgrgid_r(gid, &entry, room.data(), room.size(), &found) == 0 && found != nullptr) name->second = found->gr_name;
        return name->second;
    }

    /// PostgreSQL warns against a tablespace inside the data directory, and permits it: it is read once.
    void find_tablespaces_inside(const fs::path& data) {
        for (const auto& name : names_in(data / "pg_tblspc").value_or(std::vector<std::string>{})) {
            std::error_code failure;
            const auto location = fs::read_symlink(data / "pg_tblspc" / name, failure);
            if (!failure && !location.lexically_relative(data).string().starts_with("..")) inside_.insert(location);
        }
    }

    void top(const fs::path& path, const std::string& name) {
        if (is_left_out(Place::top, name) || inside_.contains(path)) return;
        auto status = status_of(path, AT_SYMLINK_NOFOLLOW);
        if (!status) return;
        // A server's own directory that was moved away behind a link is a directory to every reader of the cluster.
        const bool moved_away = S_ISLNK(status->st_mode) && (name.starts_with("pg_") || name == "base" || name == "global");
        if (moved_away) status = status_of(path);
        if (!status) return;
        const auto stored = "pgdata/" + name;
        if (!S_ISDIR(status->st_mode)) return leaf(path, stored, name, Place::top, *status);
        add(entry_of(stored, EntryKind::directory, *status), path);
        if (name == "pg_wal") return log_directory(path, stored);
        if (is_stored_empty(name)) return;
        if (name == "base") return databases(path, stored);
        if (name == "pg_tblspc") return tablespaces(path, stored);
        directory(path, stored, name == "global" ? Place::database : Place::elsewhere);
    }

    /// Of pg_wal only the directories that a server expects are stored; the log itself is streamed.
    void log_directory(const fs::path& path, const std::string& stored) {
        for (const std::string name : {"archive_status", "summaries"})
            if (const auto status = status_of(path / name, AT_SYMLINK_NOFOLLOW); status && S_ISDIR(status->st_mode))
                add(entry_of(stored + "/" + name, EntryKind::directory, *status), path / name);
    }

    void databases(const fs::path& path, const std::string& stored) {
        for (const auto& name : names_in(path).value_or(std::vector<std::string>{})) {
            const auto place = all_digits(name) ? Place::database : Place::elsewhere;
            member(path / name, stored + "/" + name, name, place, false);
        }
    }

    void tablespaces(const fs::path& path, const std::string& stored) {
        for (const auto& name : names_in(path).value_or(std::vector<std::string>{})) {
            const auto status = status_of(path / name, AT_SYMLINK_NOFOLLOW);
            if (!status || !all_digits(name)) continue;
            if (S_ISDIR(status->st_mode)) {
                add(entry_of(stored + "/" + name, EntryKind::directory, *status), path / name);
                version_directory(path / name, stored + "/" + name);
            } else if (S_ISLNK(status->st_mode)) {
                linked_tablespace(path / name, name);
            }
        }
    }

    void linked_tablespace(const fs::path& link, const std::string& oid) {
        std::error_code failure;
        const auto location = fs::read_symlink(link, failure);
        if (failure) return;  // dropped meanwhile
        const auto status = status_of(link);
        if (!status) return;
        walk_.tablespaces.push_back({oid, location});
        const auto stored = "tablespace/" + oid;
        add(entry_of(stored, EntryKind::directory, *status), location);
        version_directory(location, stored);
    }

    /// Servers of several versions may share a tablespace's directory; each has a folder of its own.
    void version_directory(const fs::path& path, const std::string& stored) {
        const auto folder = path / version_folder_;
        const auto status = status_of(folder, AT_SYMLINK_NOFOLLOW);
        if (!status || !S_ISDIR(status->st_mode)) return;
        const auto stored_folder = stored + "/" + version_folder_;
        add(entry_of(stored_folder, EntryKind::directory, *status), folder);
        databases(folder, stored_folder);
    }

    void directory(const fs::path& path, const std::string& stored, Place place) {
        const auto names = names_in(path);
        if (!names) return;
        const auto unlogged = place == Place::database ? unlogged_relations(*names) : std::set<std::string, std::less<>>{};
        for (const auto& name : *names) {
            if (name == "pg_control" && stored == "pgdata/global") continue;
            const auto relation = place == Place::database ? find_relation_file(name) : std::nullopt;
            if (relation && relation->fork != "init" && unlogged.contains(relation->relation)) continue;
            member(path / name, stored + "/" + name, name, Place::elsewhere, place == Place::database);
        }
    }

    /// One name below the top. `inner`: what it is, should it be a directory.
    void member(const fs::path& path, const std::string& stored, const std::string& name, Place inner, bool in_database) {
        if (is_left_out(in_database ? Place::database : Place::elsewhere, name)) return;
        if (inside_.contains(path)) return;
        const auto status = status_of(path, AT_SYMLINK_NOFOLLOW);
        if (!status) return;
        if (!S_ISDIR(status->st_mode)) return leaf(path, stored, name, in_database ? Place::database : Place::elsewhere, *status);
        add(entry_of(stored, EntryKind::directory, *status), path);
        directory(path, stored, inner);
    }

    void leaf(const fs::path& path, const std::string& stored, const std::string& name, Place place,
              const struct ::stat& status) {
        if (S_ISREG(status.st_mode)) {
            auto& item = add(entry_of(stored, EntryKind::file, status), path);
            if (place != Place::database) return;
            if (const auto relation = find_relation_file(name)) item.first_block = relation->segment * segment_blocks_;
        } else if (S_ISLNK(status.st_mode)) {
            std::error_code failure;
            const auto target = fs::read_symlink(path, failure);
            if (failure) return;
            auto entry = entry_of(stored, EntryKind::symlink, status);
            entry.link_target = target.string();
            add(std::move(entry), path);
        }
        // Sockets, pipes and devices are no part of a cluster.
    }

    std::string version_folder_;
    std::uint32_t segment_blocks_;
    std::set<fs::path> inside_;  ///< tablespaces that lie in the data directory
    std::map<uid_t, std::string> users_;
    std::map<gid_t, std::string> groups_;
    Walk walk_;
};

}  // namespace

bool is_left_out(Place place, std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 8> top_files = {
        "postgresql.auto.conf.tmp", "current_logfiles.tmp", "backup_manifest", "tablespace_map",
        "tablespace_map.old",       "recovery.signal",      "standby.signal",  "lost+found"};
    if (name.starts_with("pgsql_tmp") || name.starts_with("pg_internal.init") || name == ".DS_Store") return true;
    if (place == Place::top)
        return one_of(top_files, name) || name.starts_with("postmaster.") || name.starts_with("backup_label");
    return place == Place::database && is_temporary_relation(name);
}

bool is_stored_empty(std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 7> names = {"pg_dynshmem",  "pg_notify",   "pg_replslot", "pg_serial",
                                                              "pg_snapshots", "pg_stat_tmp", "pg_subtrans"};
    return one_of(names, name);
}

std::string tablespace_folder(int server_version_num, std::uint32_t catalog_version) {
    return "PG_" + std::to_string(server_version_num / 10000) + "_" + std::to_string(catalog_version);
}

Walk walk_cluster(const fs::path& data_directory, int server_version_num, std::uint32_t catalog_version,
                  std::uint32_t relation_segment_blocks) {
    Walker walker{tablespace_folder(server_version_num, catalog_version), relation_segment_blocks};
    return walker.data_directory(data_directory);
}

}  // namespace varve::postgresql

#include "postgresql/restore_files.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "postgresql/walk.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

/// What a walk leaves out and every server wants to find. (`pg_wal/summaries`: from 17 on, the server makes it.)
constexpr const char* needed_directories[] = {"global",
                                              "pg_wal",
                                              "pg_wal/archive_status",
                                              "pg_commit_ts",
                                              "pg_dynshmem",
                                              "pg_notify",
                                              "pg_replslot",
                                              "pg_serial",
                                              "pg_snapshots",
                                              "pg_stat",
                                              "pg_stat_tmp",
                                              "pg_subtrans",
                                              "pg_tblspc",
                                              "pg_twophase",
                                              "pg_logical",
                                              "pg_xact",
                                              "pg_multixact",
                                              "pg_logical/snapshots",
                                              "pg_logical/mappings"};

mode_t directory_mode(const Entry& entry) { return entry.mode == 0750 ? 0750 : 0700; }

void make_directory(const fs::path& path) {
    if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return;
    if (errno != ENOENT) throw system_error(errno, "mkdir", path);
    make_directories(path, 0700);
}

/// What may be in the target: by directory, so that a removal needs one look-up.
std::set<fs::path> expected_paths(const RestorePlan& plan) {
    std::set<fs::path> paths;
    for (const auto& entry : plan.entries) paths.insert(plan.place_of(entry));
    for (const auto* name : needed_directories) paths.insert(plan.to / name);
    for (const auto& tablespace : plan.tablespaces) paths.insert(plan.to / "pg_tblspc" / tablespace.oid);
    paths.insert(plan.control_in_waiting());
    paths.insert(plan.marker());
    paths.insert(plan.to / "backup_label");
    return paths;
}

/// Removes below `directory` what is not expected, and what is there as something else than it should be.
void remove_extra(const fs::path& directory, const std::set<fs::path>& expected, const std::set<fs::path>& directories) {
    for (const auto& item : fs::directory_iterator{directory}) {
        const auto status = item.symlink_status();
        const bool wanted = expected.contains(item.path()) && fs::is_directory(status) == directories.contains(item.path());
        if (!wanted || fs::is_symlink(status))
            fs::remove_all(item.path());
        else if (fs::is_directory(status))
            remove_extra(item.path(), expected, directories);
    }
}

std::set<fs::path> expected_directories(const RestorePlan& plan) {
    std::set<fs::path> paths;
    for (const auto& entry : plan.entries)
        if (entry.kind == EntryKind::directory) paths.insert(plan.place_of(entry));
    for (const auto* name : needed_directories) paths.insert(plan.to / name);
    return paths;
}

/// Old log must not be replayed after ours. A pg_wal behind a link stays where it is.
void empty_log_directory(const fs::path& path) {
    if (!fs::is_directory(path)) return;
    for (const auto& item : fs::directory_iterator{path}) fs::remove_all(item.path());
}

void clear_for_delta(const RestorePlan& plan) {
    if (!fs::exists(plan.to)) return;
    replace_file(plan.marker(), view_of(plan.system_identifier));
    fs::remove(plan.to / "global" / "pg_control");
    if (fs::exists(plan.to / "global")) fsync_directory(plan.to / "global");
    const auto log = plan.to / "pg_wal";
    empty_log_directory(log);
    const bool log_is_linked = fs::is_symlink(fs::symlink_status(log));
    const auto expected = expected_paths(plan);
    const auto directories = expected_directories(plan);
    for (const auto& tablespace : plan.tablespaces)
        if (const auto folder = tablespace.location / plan.tablespace_folder; fs::is_directory(folder))
            remove_extra(folder, expected, directories);
    const auto linked_to = log_is_linked ? fs::read_symlink(log) : fs::path{};
    remove_extra(plan.to, expected, directories);
    if (log_is_linked) fs::create_directory_symlink(linked_to, log);
}

void make_link(const fs::path& target, const fs::path& path) {
    if (::symlink(target.c_str(), path.c_str()) != 0) throw system_error(errno, "symlink", path);
}

void clear_staging(const fs::path& path) {
    if (!fs::exists(path)) return;
    for (const auto& item : fs::directory_iterator{path}) {
        const auto name = item.path().filename().string();
        const bool ours = name.find_first_not_of("0123456789ABCDEF") == std::string::npos ||
                          name.find(".history") != std::string::npos || name.ends_with(".varve-tmp");
        if (!ours)
            throw Error{Fault::conflict, "the folder for the staged log holds something else: " + item.path().string()}.hint(
                "Move it away.");
    }
    fs::remove_all(path);
}

class Finisher {
public:
    explicit Finisher(const std::optional<Owner>& owner) : owner_{owner} {}

    void give(const fs::path& path, mode_t mode) const {
        if (::chmod(path.c_str(), mode) != 0) throw system_error(errno, "chmod", path);
        own(path);
    }
    void own(const fs::path& path) const {
        if (owner_ && ::lchown(path.c_str(), owner_->uid, owner_->gid) != 0) throw system_error(errno, "chown", path);
    }
    void give_folder(const fs::path& folder) const {
        if (!owner_ || !fs::exists(folder)) return;
        own(folder);
        for (const auto& item : fs::recursive_directory_iterator{folder}) own(item.path());
    }

private:
    const std::optional<Owner>& owner_;
};

}  // namespace

void prepare_staging(const RestorePlan& plan) {
    clear_staging(plan.staging());
    make_directories(plan.staging(), 0700);
}

std::vector<FileTarget> log_to_stage(const RestorePlan& plan) {
    std::vector<FileTarget> files;
    for (const auto& entry : plan.log) files.push_back({entry, plan.staging() / fs::path{entry.path}.filename()});
    return files;
}

void prepare_directories(const RestorePlan& plan) {
    if (plan.mode == WriteMode::delta) clear_for_delta(plan);
    make_directories(plan.to, 0700);
    replace_file(plan.marker(), view_of(plan.system_identifier));
    for (const auto& tablespace : plan.tablespaces) make_directories(tablespace.location, 0700);
    for (const auto* name : needed_directories) make_directory(plan.to / name);
    for (const auto& entry : plan.entries)
        if (entry.kind == EntryKind::directory) make_directory(plan.place_of(entry));
    for (const auto& entry : plan.entries)
        if (entry.kind == EntryKind::symlink) make_link(entry.link_target, plan.place_of(entry));
    for (const auto& tablespace : plan.tablespaces) make_link(tablespace.location, plan.to / "pg_tblspc" / tablespace.oid);
}

std::vector<fs::path> directories_of(const RestorePlan& plan) {
    std::vector<fs::path> paths{plan.to, plan.staging()};
    for (const auto* name : needed_directories) paths.push_back(plan.to / name);
    for (const auto& tablespace : plan.tablespaces) paths.push_back(tablespace.location);
    for (const auto& entry : plan.entries)
        if (entry.kind == EntryKind::directory) paths.push_back(plan.place_of(entry));
    return paths;
}

std::vector<FileTarget> files_to_write(const RestorePlan& plan) {
    std::vector<FileTarget> files;
    files.reserve(plan.entries.size() + 2);
    for (const auto& entry : plan.entries)
        if (entry.kind == EntryKind::file) files.push_back({entry, plan.place_of(entry)});
    files.push_back({*plan.control, plan.control_in_waiting()});
    files.push_back({*plan.label, plan.to / "backup_label"});
    return files;
}

std::optional<Owner> find_owner(const RestorePlan& plan, const std::optional<std::string>& owner) {
    if (::geteuid() != 0) return std::nullopt;
    const auto root = std::ranges::find(plan.entries, std::string{"pgdata"}, &Entry::path);
    const auto* recorded = root == plan.entries.end() ? nullptr : &*root;
    const auto name = owner ? *owner : recorded != nullptr ? recorded->user : std::string{};
    const auto* user = name.empty() ? nullptr : ::getpwnam(name.c_str());
    if (owner && user == nullptr) throw Error{Fault::invalid, "there is no user " + *owner};
    const bool only_number = recorded != nullptr && recorded->user.empty() && recorded->uid != 0;
    if (user == nullptr && only_number) user = ::getpwuid(recorded->uid);
    if (user == nullptr) user = ::getpwnam("postgres");
    if (user == nullptr)
        throw Error{Fault::invalid, "no user of this host is known to own the restored cluster"}.hint(
            "Name one: --owner USER. PostgreSQL does not run as root.");
    return Owner{user->pw_uid, user->pw_gid, user->pw_name};
}

void finish_restore(const RestorePlan& plan, const std::optional<Owner>& owner, const std::vector<fs::path>& made,
                    const HeldFilesystems& held) {
    const Finisher finisher{owner};
    for (const auto* name : needed_directories) finisher.own(plan.to / name);
    for (const auto& tablespace : plan.tablespaces) finisher.own(plan.to / "pg_tblspc" / tablespace.oid);
    for (const auto& tablespace : plan.tablespaces) finisher.own(tablespace.location);
    finisher.own(plan.to);
    for (const auto& entry : plan.entries) {
        const auto place = plan.place_of(entry);
        if (entry.kind == EntryKind::symlink)
            finisher.own(place);
        else if (entry.kind == EntryKind::directory)
            finisher.give(place, directory_mode(entry));
        else
            finisher.give(place, (entry.mode & 0777) == 0640 ? 0640 : 0600);
    }
    finisher.own(plan.to / "backup_label");
    for (const auto& path : made) finisher.own(path);
    finisher.give(plan.control_in_waiting(), 0600);
    finisher.give_folder(plan.staging());
    // Everything is on the disk before the one file without which no server starts.
    held.sync();
    fs::rename(plan.control_in_waiting(), plan.to / "global" / "pg_control");
    fsync_directory(plan.to / "global");
    fs::remove(plan.marker());
    fsync_directory(plan.to);
}

}  // namespace varve::postgresql

#include "postgresql/restore_plan.hpp"

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "postgresql/control_file.hpp"
#include "postgresql/walk.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

std::string fact(const Properties& facts, const std::string& name) {
    const auto found = facts.find(name);
    return found == facts.end() ? std::string{} : found->second;
}

std::optional<fs::path> below(const std::string& path, std::string_view prefix) {
    if (path == prefix) return fs::path{};
    if (!path.starts_with(prefix) || path[prefix.size()] != '/') return std::nullopt;
    return fs::path{path.substr(prefix.size() + 1)};
}

class Sorter final : public EntryVisitor {
public:
    explicit Sorter(RestorePlan& plan) : plan_{plan} {}

    Task<> visit(const Entry& entry) override {
        plan_.bytes += entry.size;
        if (entry.path == "pgdata/global/pg_control")
            plan_.control = entry;
        else if (entry.path == "label/backup_label")
            plan_.label = entry;
        else if (entry.path.starts_with("pgdata") || entry.path.starts_with("tablespace/"))
            plan_.entries.push_back(entry);
        else if (entry.path.starts_with("wal/"))
            plan_.log.push_back(entry);
        else if (entry.path.starts_with("config/"))
            plan_.config.push_back(entry);
        co_return;
    }

private:
    RestorePlan& plan_;
};

/// `tablespace.<oid>.location` of the facts, oid by oid. In-place tablespaces have none: they are part of the data directory.
std::vector<TablespacePlace> tablespaces_of(const Properties& facts) {
    std::vector<TablespacePlace> found;
    for (const auto& [key, location] : facts) {
        if (!key.starts_with("tablespace.") || !key.ends_with(".location") || location.empty()) continue;
        const auto oid = key.substr(11, key.size() - 20);
        found.push_back({oid, fact(facts, "tablespace." + oid + ".name"), location});
    }
    return found;
}

void choose_places(std::vector<TablespacePlace>& tablespaces, const RestoreRequest& request, const Properties& facts) {
    std::set<std::string> known;
    const fs::path old_data = fact(facts, "data_directory");
    for (auto& tablespace : tablespaces) {
        known.insert(tablespace.oid);
        known.insert(tablespace.name);
        const auto asked = std::ranges::find_if(
            request.tablespaces, [&](const auto& item) { return item.first == tablespace.oid || item.first == tablespace.name; });
        const auto inside = tablespace.location.lexically_relative(old_data);
        if (asked != request.tablespaces.end())
            tablespace.location = fs::absolute(asked->second).lexically_normal();
        else if (!old_data.empty() && !inside.empty() && *inside.begin() != "..")
            tablespace.location = request.to / inside;
    }
    for (const auto& [name, directory] : request.tablespaces) {
        if (known.contains(name)) continue;
        std::string names;
        for (const auto& tablespace : tablespaces) names += (names.empty() ? "" : ", ") + tablespace.name;
        throw Error{Fault::invalid, "the backup has no tablespace " + name}.hint(
            names.empty() ? "It has no tablespaces outside the data directory." : "It has: " + names + ".");
    }
    for (const auto& one : tablespaces)
        for (const auto& other : tablespaces)
            if (one.oid < other.oid && one.location == other.location)
                throw Error{Fault::conflict,
                            "the tablespaces " + one.name + " and " + other.name + " would share " + one.location.string()};
}

bool is_there(const fs::path& path) { return fs::exists(fs::symlink_status(path)); }
bool has_content(const fs::path& path) { return fs::is_directory(path) && !fs::is_empty(path); }

/// PostgreSQL refuses to start where a postmaster.pid is, and so do we: its process may live in another container, where we do
/// not see it.
void require_no_server(const fs::path& data) {
    const auto place = data / "postmaster.pid";
    const auto content = find_file(place, 64u << 10);
    if (!content) return;
    const auto text = text_of(*content);
    int pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    const bool alive = pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM);
    if (alive)
        throw Error{Fault::refused, "a server runs on " + data.string() + " (process " + std::to_string(pid) + ")"}.hint(
            "Stop it first: pg_ctl -D " + data.string() + " stop");
    throw Error{Fault::refused, "a server may be running on " + data.string() + ": it has a postmaster.pid (process " +
                                    std::to_string(pid) + ", which is not seen here)"}
        .hint("Stop that server, wherever it runs. A server that was killed leaves the file behind: when none runs, remove " +
              place.string() + " and restore again.");
}

/// A delta removes what the backup does not have: only ever in a directory that is this cluster.
void check_delta(const RestorePlan& plan) {
    require_no_server(plan.to);
    if (!has_content(plan.to)) return;
    if (const auto left = find_file(plan.marker()); left && text_of(*left) == plan.system_identifier)
        return;  // a restore was cut
    if (!is_there(plan.to / "global" / "pg_control"))
        throw Error{Fault::refused, plan.to.string() + " is not a PostgreSQL data directory"}.hint(
            "A delta restore removes what the backup does not have, so it needs the cluster's own directory or an empty one.");
    const auto control = read_control_file(plan.to);
    if (std::to_string(control.system_identifier) != plan.system_identifier)
        throw Error{Fault::refused, plan.to.string() + " holds another cluster (system " +
                                        std::to_string(control.system_identifier) + ", the backup is of " +
                                        plan.system_identifier + ")"}
            .hint("Choose another directory, or empty it.");
}

dev_t filesystem_of(fs::path path) {
    while (!fs::exists(path) && path.has_relative_path()) path = path.parent_path();
    struct ::stat status{};
    if (::stat(path.c_str(), &status) != 0) throw system_error(errno, "stat", path);
    return status.st_dev;
}

bool is_own_tablespace(const RestorePlan& plan, const TablespacePlace& tablespace) {
    std::error_code failure;
    const auto target = fs::read_symlink(plan.to / "pg_tblspc" / tablespace.oid, failure);
    return !failure && target == tablespace.location;
}

void check_tablespace(const RestorePlan& plan, const TablespacePlace& tablespace) {
    if (plan.mode == WriteMode::delta && is_own_tablespace(plan, tablespace)) return;
    const auto folder = tablespace.location / plan.tablespace_folder;
    // Even an empty one may be a running server's. A delta may go on with a restore that was cut when it had made the folder.
    if (plan.mode == WriteMode::delta ? !has_content(folder) : !is_there(folder)) return;
    throw Error{Fault::conflict, "the directory of tablespace " + tablespace.name + " is in use: " + tablespace.location.string()}
        .hint("Give the restored cluster a directory of its own: --tablespace " + tablespace.name + "=DIR");
}

}  // namespace

fs::path RestorePlan::staging() const {
    auto path = to;
    path += ".varve-wal";
    return path;
}

fs::path RestorePlan::place_of(const Entry& entry) const {
    const auto escape = [&] { return Error{Fault::corrupt, "a path of the backup leaves its directory: " + entry.path}; };
    const auto checked = [&](const fs::path& relative) {
        for (const auto& part : relative)
            if (part == ".." || part == "/") throw escape();
        return relative;
    };
    if (const auto relative = below(entry.path, "pgdata")) return relative->empty() ? to : to / checked(*relative);
    for (const auto& tablespace : tablespaces)
        if (const auto relative = below(entry.path, "tablespace/" + tablespace.oid))
            return relative->empty() ? tablespace.location : tablespace.location / checked(*relative);
    throw Error{Fault::corrupt, "the backup does not say where this belongs: " + entry.path};
}

Task<RestorePlan> make_restore_plan(const RestoreRequest& request, RestoreSource& base) {
    RestorePlan plan;
    const auto& facts = base.facts().facts;
    plan.to = fs::absolute(request.to).lexically_normal();
    if (!plan.to.has_filename()) plan.to = plan.to.parent_path();
    plan.mode = request.mode;
    plan.system_identifier = fact(facts, "system_identifier");
    plan.tablespaces = tablespaces_of(facts);
    choose_places(plan.tablespaces, request, facts);
    plan.tablespace_folder = tablespace_folder(std::stoi(fact(facts, "server_version_num")),
                                               static_cast<std::uint32_t>(std::stoul(fact(facts, "catalog_version"))));
    Sorter sorter{plan};
    co_await base.each(sorter);
    // Without its label a server would start from the wrong checkpoint and be corrupt without a word.
    if (!plan.control || !plan.label || plan.log.empty())
        throw Error{Fault::corrupt, std::string{"the backup has no "} + (!plan.control ? "pg_control"
                                                                         : !plan.label ? "backup_label"
                                                                                       : "log of its own")};
    co_return plan;
}

void check_directories(const RestorePlan& plan) {
    if (fs::exists(plan.to) && !fs::is_directory(plan.to)) throw Error{Fault::conflict, plan.to.string() + " is not a directory"};
    if (plan.mode == WriteMode::delta)
        check_delta(plan);
    else if (has_content(plan.to))
        throw Error{Fault::conflict, plan.to.string() + " is not empty"}.hint(
            "Choose an empty or new directory, or bring this one to the backup's state with --delta.");
    for (const auto& tablespace : plan.tablespaces) check_tablespace(plan, tablespace);
}

std::optional<Error> find_shortage(const RestorePlan& plan, std::uint64_t staged_bytes) {
    struct Part {
        fs::path path;
        std::uint64_t bytes = 0;
    };
    std::map<dev_t, Part> parts;
    const auto add = [&](const fs::path& root, std::uint64_t bytes) {
        auto& part = parts.try_emplace(filesystem_of(root), Part{.path = root}).first->second;
        part.bytes += bytes;
    };
    auto left = plan.bytes;
    for (const auto& entry : plan.log) {
        staged_bytes += entry.size;
        left -= entry.size;
    }
    add(plan.staging(), staged_bytes);
    if (plan.mode == WriteMode::create) {
        for (const auto& tablespace : plan.tablespaces) {
            std::uint64_t bytes = 0;
            for (const auto& entry : plan.entries)
                if (below(entry.path, "tablespace/" + tablespace.oid)) bytes += entry.size;
            add(tablespace.location, bytes);
            left -= bytes;
        }
        add(plan.to, left);
    }
    for (const auto& [device, part] : parts) {
        const auto room = free_bytes(part.path);
        if (room >= part.bytes) continue;
        return Error{Fault::refused, "the restore writes " + std::to_string(part.bytes >> 20) + " MiB to the filesystem of " +
                                         part.path.string() + ", which has room for " + std::to_string(room >> 20) + " MiB"}
            .hint("Free space there, or restore to a larger filesystem. Nothing was written.");
    }
    return std::nullopt;
}

}  // namespace varve::postgresql

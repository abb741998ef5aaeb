#include "mysql/restore_physical.hpp"

#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <thread>

#include "mysql/apply.hpp"
#include "mysql/private_server.hpp"
#include "mysql/restore_target.hpp"
#include "mysql/tools.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/log.hpp"
#include "varve/process.hpp"

namespace varve::mysql {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view data_prefix = "data/", tool_prefix = "tool/";
constexpr const char* marker_name = ".varve-restoring";
constexpr std::chrono::hours prepare_time_max{24 * 7};
constexpr std::uint64_t room_for_redo = 256U << 20;

std::string fact(const BackupFacts& facts, const std::string& name) {
    const auto found = facts.facts.find(name);
    return found == facts.facts.end() ? std::string{} : found->second;
}

class Entries final : public EntryVisitor {
public:
    Task<> visit(const Entry& entry) override {
        all.push_back(entry);
        co_return;
    }
    std::vector<Entry> all;
};

fs::path place_of(const fs::path& to, const Entry& entry) {
    const std::string_view path = entry.path;
    if (path.starts_with(data_prefix)) return to / path.substr(data_prefix.size());
    if (path.starts_with(tool_prefix)) return to / path.substr(tool_prefix.size());
    throw Error{Fault::corrupt, "the backup holds something else than a server's files: " + entry.path};
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r");
    return begin == std::string_view::npos ? std::string_view{} : text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

}  // namespace

std::vector<std::string> server_arguments(std::string_view text) {
    std::vector<std::string> arguments;
    bool in_server = false;
    while (!text.empty()) {
        const auto line = trimmed(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(text.size(), text.find('\n') == std::string_view::npos ? text.size() : text.find('\n') + 1));
        if (line.empty() || line.front() == '#') continue;
        if (line.front() == '[')
            in_server = line == "[mysqld]" || line == "[mariadbd]" || line == "[server]";
        else if (in_server && line.starts_with("innodb_"))
            arguments.push_back("--" + std::string{line});
    }
    return arguments;
}

std::optional<BinlogPlace> place_in_prepare(std::string_view output) {
    static constexpr std::string_view words = "Last binlog file ", between = "position ";
    const auto found = output.rfind(words);
    if (found == std::string_view::npos) return std::nullopt;
    auto rest = output.substr(found + words.size());
    rest = rest.substr(0, rest.find('\n'));
    const auto position = rest.find(between);
    if (position == std::string_view::npos) return std::nullopt;
    auto name = rest.substr(0, rest.find_first_of(" ,"));
    while (!name.empty() && (name.front() == '\'' || name.front() == '.' || name.front() == '/')) name.remove_prefix(1);
    while (!name.empty() && name.back() == '\'') name.remove_suffix(1);
    if (const auto slash = name.rfind('/'); slash != std::string_view::npos) name.remove_prefix(slash + 1);
    BinlogPlace place{.file = std::string{name}, .offset = 0};
    rest.remove_prefix(position + between.size());
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), place.offset);
    if (problem != std::errc{} || name.empty()) return std::nullopt;
    return place;
}

std::optional<BinlogPlace> place_beyond(const Coordinates& base, const std::optional<BinlogPlace>& prepared,
                                        const std::optional<BinlogPlace>& log_after) {
    if (!prepared || !log_after) return std::nullopt;
    const auto beyond_base = order_of(*prepared, {base.file, base.position}), beyond_end = order_of(*prepared, *log_after);
    if (!beyond_base || !beyond_end || *beyond_base <= 0 || *beyond_end > 0) return std::nullopt;
    return prepared;
}

PhysicalRestore::PhysicalRestore(RestoreRequest request, RestoreSource& base, LogSource* log, DriverServices& services)
    : request_{std::move(request)}, base_{base}, log_{log}, services_{services} {
    bin_dir_ = request_.source.find_text("bin_dir").value_or("");
}

bool PhysicalRestore::rolls_forward() const {
    const auto& to = request_.target.position;
    const auto& stop = base_.facts().stop;
    return log_ != nullptr && !log_->path().empty() && to && stop && to->at > stop->at;
}

StageOrder PhysicalRestore::stage_order() const {
    return {.base = coordinates_of(base_.facts()),
            .base_stop = *base_.facts().stop,
            .to = *request_.target.position,
            .without = request_.target.target.without,
            .mariadb = true,
            .folder = scratch_ / "binlog",
            .start = {}};
}

// ---------------------------------------------------------------------------------------------------- before it is written

void PhysicalRestore::find_programs() {
    prepare_tool_ = tool(bin_dir_, {"mariadb-backup", "mariabackup"});
    Command ask;
    ask.arguments = {prepare_tool_.string(), "--version"};
    const auto answer = run_command(ask);
    const auto here = parse_version(answer.output + answer.errors), there = parse_version(fact(base_.facts(), "tool_version"));
    if (!here.same_series(there) || here < there)
        throw Error{Fault::unsupported,
                    "the backup was made with mariadb-backup " + there.text() + ", and here is " + here.text()}
            .hint("Use programs of the same series that are not older: name their folder with bin_dir.");
    if (!rolls_forward() && !request_.start) return;
    const auto found = find_tool(bin_dir_, {"mariadbd", "mysqld"});
    if (!found)
        throw Error{Fault::missing, "a server of the series " + there.text() + " is needed to " +
                                        (request_.start ? "start it" : "apply the log") + ", and there is none here"}
            .hint("Install it or name its folder with bin_dir. Without it the backup alone can be had: --backup ID.");
    server_ = *found;
}

void PhysicalRestore::require_place() const {
    std::error_code problem;
    const auto status = fs::symlink_status(request_.to, problem);
    if (fs::exists(status) && (!fs::is_directory(status) || !fs::is_empty(request_.to)))
        throw Error{Fault::conflict, request_.to.string() + " is there already, and not empty"}.hint(
            "Name a directory that does not exist yet.");
    if (request_.start && socket().native().size() >= sizeof(sockaddr_un::sun_path))
        throw Error{Fault::invalid, "the path of a server's socket in " + request_.to.string() + " is too long"}.hint(
            "Name a directory with a shorter path, or leave --start out.");
    const auto parent = request_.to.parent_path();
    if (!fs::exists(parent)) throw Error{Fault::missing, parent.string() + " is not there"}.hint("Make it first.");
    const auto log_bytes = rolls_forward() ? bytes_to_stage(stage_order()) : 0;
    // What is applied is written by the private server once more, into its own log.
    const auto wanted = bytes_ + 2 * log_bytes + room_for_redo;
    if (const auto room = free_bytes(parent); room < wanted)
        throw Error{Fault::refused, "there is no room for " + std::to_string(wanted) + " bytes at " + parent.string()}.hint(
            "Free space there, or restore to another filesystem. Nothing was written.");
}

Task<RestoreOutlook> PhysicalRestore::examine() {
    if (request_.to.empty())
        throw Error{Fault::invalid, "the backup is a physical one: it becomes a data directory, and is not loaded into a server"}
            .hint("Restore it with --to DIR, or name a logical backup with --backup ID.");
    if (request_.mode == WriteMode::delta)
        throw Error{Fault::unsupported, "a MariaDB data directory is restored to a new place, not with --delta"};
    Entries entries;
    co_await base_.each(entries);
    entries_ = std::move(entries.all);
    for (const auto& entry : entries_) bytes_ += entry.size;
    co_await on_pool(services_.pools.blocking, [this] {
        find_programs();
        const auto& scratch = request_.source.find_text("scratch_dir");
        const auto beside = "." + request_.to.filename().string() + ".varve-scratch";
        scratch_ = scratch ? fs::path{*scratch} / beside : request_.to.parent_path() / beside;
        require_place();
        if (::geteuid() == 0) owner_ = find_owner();
    });
    RestoreOutlook outlook;
    if (rolls_forward()) {
        const auto staged = bytes_to_stage(stage_order());
        outlook.notes.push_back("A private server applies the log: " + std::to_string(staged >> 20) +
                                " MiB of binlog files are staged in " + scratch_.string() + " meanwhile.");
    }
    co_return outlook;
}

std::string PhysicalRestore::find_owner() const {
    const auto recorded = fact(base_.facts(), "owner");
    for (const auto& name : {request_.owner.value_or(""), recorded, std::string{"mysql"}})
        if (!name.empty() && ::getpwnam(name.c_str()) != nullptr) return name;
    throw Error{Fault::invalid, "no user of this host is known to own the restored server"}.hint("Name one: --owner USER.");
}

// ------------------------------------------------------------------------------------------------------------- the restore

void PhysicalRestore::prepare() {
    Command command;
    command.arguments = {prepare_tool_.string(), "--no-defaults", "--prepare", "--use-memory=256M",
                         "--target-dir=" + request_.to.string()};
    command.time_max = prepare_time_max;
    const auto result = run_command(command);
    const bool said_so = result.errors.find("completed OK!") != std::string::npos;
    if (result.exit_code != 0 || !said_so) throw command_error(command, result).during("making the restored files consistent");
    prepared_ = place_in_prepare(result.errors);
    if (const auto content = find_file(request_.to / "backup-my.cnf")) arguments_ = server_arguments(text_of(*content));
    if (const auto names = fact(base_.facts(), "lower_case_table_names"); !names.empty())
        arguments_.push_back("--lower-case-table-names=" + names);
    // What the tool noted for itself is of no use to a server.
    for (const auto& entry : entries_)
        if (entry.path.starts_with(tool_prefix)) fs::remove(place_of(request_.to, entry));
}

void PhysicalRestore::give(const fs::path& path, mode_t mode) const {
    if (::chmod(path.c_str(), mode) != 0) throw system_error(errno, "chmod", path);
    if (!owner_) return;
    const auto* user = ::getpwnam(owner_->c_str());
    if (user == nullptr) throw Error{Fault::invalid, "there is no user " + *owner_ + " on this host"};
    if (::lchown(path.c_str(), user->pw_uid, user->pw_gid) != 0) throw system_error(errno, "chown", path);
}

void PhysicalRestore::give_tree() const {
    give(request_.to, 0700);
    for (const auto& item : fs::recursive_directory_iterator{request_.to})
        if (!item.is_symlink()) give(item.path(), item.is_directory() ? 0700 : 0660);
}

void PhysicalRestore::make_scratch() const {
    fs::remove_all(scratch_);
    make_directories(scratch_ / "binlog", 0700);
    give(scratch_, 0700);
}

/// Rolls a private server forward; gives what it says it has applied.
std::string PhysicalRestore::apply(const StagedLog& staged) const {
    PrivateServer server{
        {.program = server_, .data = request_.to, .scratch = scratch_, .user = owner_, .arguments = arguments_, .mariadb = true}};
    auto connection = server.connect();
    connection.execute("SET SESSION sql_log_bin=0, wait_timeout=31536000");
    connection.execute("SET GLOBAL gtid_binlog_state = '" + staged.before->text() + "'");
    try {
        apply_files({.bin_dir = bin_dir_,
                     .mariadb = true,
                     .files = staged.files,
                     .start_position = staged.start.offset,
                     .stop_position = staged.stop_in_file,
                     .scratch = scratch_,
                     .login = server.login(),
                     .password = server.password()});
    } catch (Error& error) {
        error.with("applied", connection.value("SELECT @@GLOBAL.gtid_binlog_pos"));
        throw;
    }
    const auto has = AppliedGtids{true, connection.value("SELECT @@GLOBAL.gtid_binlog_pos")}.text();
    if (has != staged.after->text())
        throw Error{Fault::corrupt, "the restored server says that it has applied " + has + ", and " + staged.after->text() +
                                        " was to be applied"}
            .hint("Do not use what lies in " + request_.to.string() + ". Restore from another backup, and report this.");
    // A replica or the next restore goes on from here.
    connection.execute("SET GLOBAL gtid_slave_pos = '" + has + "'");
    server.stop();
    return has;
}

Task<Restored> PhysicalRestore::run() {
    co_await examine();
    std::vector<FileTarget> files;
    for (const auto& entry : entries_) files.push_back({entry, place_of(request_.to, entry)});
    std::set<fs::path> folders{request_.to};
    for (const auto& file : files) folders.insert(file.path.parent_path());
    co_await on_pool(services_.pools.blocking, [this, &folders] {
        for (const auto& folder : folders) make_directories(folder, 0700);
        replace_file(request_.to / marker_name, view_of("a restore is under way, or did not end well\n"));
    });
    const auto held = co_await on_pool(services_.pools.blocking,
                                       [this] { return std::make_shared<HeldFilesystems>(std::vector<fs::path>{request_.to}); });
    const auto written = co_await base_.write(std::move(files), WriteMode::create);
    written.require_whole(
        "No server starts on " + request_.to.string() +
        " as it is. Heal what is damaged from another copy of the repository, or restore another backup: --backup ID.");
    co_await on_pool(services_.pools.blocking, [this] {
        prepare();
        make_scratch();
    });

    Restored restored;
    restored.bytes_written = written.bytes;
    restored.reached = base_.facts().stop;
    std::string applied = fact(base_.facts(), "gtid");
    if (rolls_forward()) {
        auto order = stage_order();
        order.start = place_beyond(order.base, prepared_, find_place(fact(base_.facts(), "log_after")));
        const auto staged = co_await stage_log(std::move(order), *log_, services_.pools);
        log(LogLevel::info, "",
            "applying " + std::to_string(staged.transactions) + " transactions from " + to_text(staged.start) + " to " +
                to_text(staged.stop));
        applied = co_await on_pool(services_.pools.blocking, [this, &staged] {
            give_tree();
            return apply(staged);
        });
        restored.reached = request_.target.position;
        restored.reached->text = to_text(staged.stop);
    }
    co_await on_pool(services_.pools.blocking, [this, &held] {
        fs::remove(request_.to / marker_name);
        give_tree();
        fs::remove_all(scratch_);
        held->sync();
    });
    restored.next_step =
        "The data directory is whole" + (applied.empty() ? std::string{} : ", with the transactions up to " + applied) + ". ";
    if (!request_.start) {
        restored.next_step += "Start a server on it: " + start_command();
        co_return restored;
    }
    co_await on_pool(services_.pools.blocking, [this] { start(); });
    restored.next_step += "A server runs on it, without network, replication and events: mariadb --socket=" + socket().string() +
                          "; it ends with mariadb-admin --socket=" + socket().string() + " shutdown.";
    co_return restored;
}

/// To be looked at: nothing in it acts by itself, and nobody reaches it from elsewhere. It goes on when we have ended.
void PhysicalRestore::start() const {
    constexpr std::chrono::milliseconds look_again{50};
    const auto errors = request_.to / "server.err";
    Command command;
    command.arguments = {server_.string(),
                         "--no-defaults",
                         "--datadir=" + request_.to.string(),
                         "--socket=" + socket().string(),
                         "--pid-file=" + (request_.to / "server.pid").string(),
                         "--log-error=" + errors.string(),
                         "--skip-networking",
                         "--skip-slave-start",
                         "--event-scheduler=OFF"};
    command.arguments.insert(command.arguments.end(), arguments_.begin(), arguments_.end());
    command.user = owner_;
    const auto child = start_detached(command);
    ConnectionSettings login;
    login.user = "varve";
    login.host = "localhost";
    login.socket = socket();
    for (int status = 0; ::waitpid(child, &status, WNOHANG) == 0; std::this_thread::sleep_for(look_again)) {
        try {
            const Connection connection{login};
            return;
        } catch (const Error& error) {
            if (error.fault() == Fault::denied) return;  // it answers: who may come in is its own business
            if (error.fault() != Fault::unreachable && error.fault() != Fault::overloaded) throw;
        }
    }
    throw Error{Fault::invalid, "the restored server ended before it answered"}
        .with("errors", last_words_in(errors))
        .hint("The data directory is whole. What the server says is in the error's context.");
}

std::string PhysicalRestore::start_command() const {
    const auto server = find_tool(bin_dir_, {"mariadbd", "mysqld"}).value_or("mariadbd");
    std::string command = server.string() + " --datadir=" + request_.to.string();
    if (owner_) command += " --user=" + *owner_;
    for (const auto& argument : arguments_)
        if (argument.find("innodb_data_file_path") != std::string::npos || argument.find("page_size") != std::string::npos)
            command += " " + argument;
    return command;
}

}  // namespace varve::mysql

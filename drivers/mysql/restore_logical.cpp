#include "mysql/restore_logical.hpp"

#include <algorithm>

#include "mysql/apply.hpp"
#include "mysql/logical_accounts.hpp"
#include "mysql/logical_script.hpp"
#include "mysql/restore_target.hpp"
#include "mysql/server.hpp"
#include "mysql/server_error.hpp"
#include "mysql/tools.hpp"
#include "varve/file.hpp"
#include "varve/log.hpp"

namespace varve::mysql {

namespace {

namespace fs = std::filesystem;

class Entries final : public EntryVisitor {
public:
    Task<> visit(const Entry& entry) override {
        all.push_back(entry);
        co_return;
    }
    std::vector<Entry> all;
};

std::string fact(const BackupFacts& facts, const std::string& name) {
    const auto found = facts.facts.find(name);
    return found == facts.facts.end() ? std::string{} : found->second;
}

}  // namespace

LogicalRestore::LogicalRestore(RestoreRequest request, RestoreSource& base, LogSource* log, DriverServices& services)
    : request_{std::move(request)}, base_{base}, log_{log}, services_{services} {}

bool LogicalRestore::rolls_forward() const {
    const auto& to = request_.target.position;
    const auto& stop = base_.facts().stop;
    return log_ != nullptr && !log_->path().empty() && to && stop && to->at > stop->at;
}

StageOrder LogicalRestore::stage_order(fs::path folder) const {
    return {.base = coordinates_of(base_.facts()),
            .base_stop = *base_.facts().stop,
            .to = *request_.target.position,
            .without = request_.target.target.without,
            .mariadb = mariadb_,
            .folder = std::move(folder),
            .start = {}};
}

// ---------------------------------------------------------------------------------------------------- before it is written

void LogicalRestore::require_foreign_gtids(Connection& connection, const AppliedGtids& planned) const {
    const auto taken = [](const std::string& what) {
        return Error{Fault::refused, "the server has executed transactions of the source already: " + what}
            .code("gtids_executed", 5)
            .hint("It would pass over them without an error. Restore into a server that was set up anew.");
    };
    if (!mariadb_) {
        const auto executed = GtidSet::parse(connection.value("SELECT REPLACE(@@GLOBAL.gtid_executed, '\n', '')"));
        for (const auto& [source, intervals] : executed.sources())
            if (planned.set().sources().contains(source)) throw taken(executed.text());
        if (const auto mode = fact(base_.facts(), "gtid_mode");
            !mode.empty() && mode != connection.value("SELECT @@GLOBAL.gtid_mode"))
            throw Error{Fault::refused, "the source has gtid_mode = " + mode + ", and the server another"}.hint(
                "Set gtid_mode = " + mode + " in it.");
        return;
    }
    const auto has =
        connection.value("SELECT CONCAT_WS(',', NULLIF(@@GLOBAL.gtid_binlog_state, ''), NULLIF(@@GLOBAL.gtid_slave_pos, ''))");
    if (has.empty()) return;
    const auto state = GtidState::parse(has);
    for (const auto& [domain, gtid] : planned.last())
        if (state.knows(domain, gtid.server)) throw taken(has);
}

void LogicalRestore::require_empty_server() {
    auto connection = Connection{settings_};
    mariadb_ = connection.is_mariadb();
    const auto flavour = fact(base_.facts(), "flavour");
    if (flavour != (mariadb_ ? "mariadb" : "mysql"))
        throw Error{Fault::refused, "the backup is of " + std::string{flavour == "mariadb" ? "MariaDB" : "MySQL"} +
                                        ", and the server is " + (mariadb_ ? "MariaDB" : "MySQL")};
    const auto databases = connection.query("SHOW DATABASES");
    for (std::size_t row = 0; row < databases.size(); ++row)
        if (const auto& name = databases.text(row, 0); !is_system_database(name))
            throw Error{Fault::refused, "the server is not empty: it has the database " + name}
                .code("server_not_empty", 5)
                .hint("Restore into a server that was set up anew.");
    const auto replicas =
        connection.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'");
    if (replicas != "0")
        throw Error{Fault::refused, "the server has " + replicas + " replica(s), which would get all that is restored"}.hint(
            "Disconnect them, and set them up from the restored server afterwards.");
    if (ask_is_replica(connection))
        throw Error{Fault::refused, "the server replicates from another one"}.hint(
            "Run RESET REPLICA ALL, or take another server.");
    require_foreign_gtids(connection, {mariadb_, fact(base_.facts(), "gtid")});
}

Task<RestoreOutlook> LogicalRestore::examine() {
    if (request_.into.empty())
        throw Error{Fault::invalid,
                    "the backup is a logical one: it is loaded into a server, and does not become a data directory"}
            .hint("Restore it with --into CONNECTION, or name a physical backup with --backup ID.");
    settings_ = parse_connection(request_.into);
    settings_.password_reference = request_.into_password;
    // A server on this machine need not have TLS because the source has it.
    if (!stays_here(settings_)) read_tls(request_.source, settings_);
    Entries entries;
    co_await base_.each(entries);
    content_ = sort_entries(entries.all);
    co_await on_pool(services_.pools.blocking, [this] {
        require_empty_server();
        const auto folder = request_.source.find_text("scratch_dir");
        scratch_beside_ = folder ? fs::path{*folder} : services_.state_dir;
        if (!rolls_forward()) return;
        const fs::path bin_dir = request_.source.find_text("bin_dir").value_or("");
        (void)tool(bin_dir, mariadb_ ? std::vector<std::string>{"mariadb-binlog", "mysqlbinlog"}
                                     : std::vector<std::string>{"mysqlbinlog"});
        (void)tool(bin_dir, mariadb_ ? std::vector<std::string>{"mariadb", "mysql"} : std::vector<std::string>{"mysql"});
        const auto wanted = bytes_to_stage(stage_order({}));
        if (free_bytes(scratch_beside_) < wanted)
            throw Error{Fault::refused,
                        "there is no room for " + std::to_string(wanted) + " bytes of log at " + scratch_beside_.string()}
                .hint("Name another folder with scratch_dir.");
    });
    RestoreOutlook outlook;
    if (rolls_forward())
        outlook.notes.push_back(std::to_string(bytes_to_stage(stage_order({})) >> 20) + " MiB of binlog files are staged in " +
                                scratch_beside_.string() + " and applied.");
    co_return outlook;
}

// ----------------------------------------------------------------------------------------------------- accounts, settings

/// Accounts that the server has already stay as they are, whoever restores among them. Gives what failed, with what comes behind
/// it of the same account; `why` is the first failure.
std::vector<std::string> LogicalRestore::try_accounts(const std::vector<std::string>& statements, std::optional<Error>& why) {
    constexpr unsigned there_already = 1396;
    std::vector<std::string> failed;
    std::set<std::string> waiting;
    for (const auto& statement : statements) {
        const std::string account{account_of_statement(statement)};
        if (accounts_kept_.contains(account)) continue;
        if (waiting.contains(account)) {
            failed.push_back(statement);
            continue;
        }
        try {
            main_->execute(statement);
        } catch (Error& error) {
            if (number_of(error) == there_already) {
                accounts_kept_.insert(account);
                continue;
            }
            if (!why) why = error.during("making the account " + account);
            waiting.insert(account);
            failed.push_back(statement);
        }
    }
    return failed;
}

/// One may name another that comes later, as MySQL's default roles do: what fails is tried again as long as others succeed.
Task<> LogicalRestore::make_accounts() {
    if (!content_.accounts) co_return;
    auto statements = co_await statements_in(*content_.accounts);
    co_await on_pool(services_.pools.blocking, [this, &statements] {
        while (!statements.empty()) {
            std::optional<Error> why;
            auto failed = try_accounts(statements, why);
            if (why && failed.size() == statements.size()) throw Error{*why};
            statements = std::move(failed);
        }
    });
}

/// No event may fire while the past is made again; and what is lost when the machine goes down now is restored again, so that no
/// commit needs to wait for the disk.
void LogicalRestore::quiet_server() {
    main_.emplace(settings_);
    prepare_to_load(*main_);
    const auto may_set = [this](const std::string& variable, const std::string& wanted) {
        const auto now = main_->value("SELECT @@GLOBAL." + variable);
        if (now == wanted) return true;
        try {
            main_->execute("SET GLOBAL " + variable + " = " + wanted);
        } catch (const Error& error) {
            if (error.fault() != Fault::denied) throw;
            return false;
        }
        wake_.push_back("SET GLOBAL " + variable + " = " + now);
        return true;
    };
    if (main_->value("SELECT @@GLOBAL.event_scheduler") == "ON" && !may_set("event_scheduler", "OFF"))
        throw Error{Fault::denied, "the server's event_scheduler is on, and may not be turned off while it is restored"}.hint(
            "SET GLOBAL event_scheduler = OFF, or take a user that may.");
    if (!may_set("local_infile", "1")) {
        way_ = LoadWay::insert;
        log(LogLevel::warning, "",
            "the server takes no LOAD DATA LOCAL and its setting may not be changed: rows are inserted, which is slower");
    }
    if (may_set("innodb_flush_log_at_trx_commit", "0")) wake_.emplace_back("FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS");
    if (may_set("sync_binlog", "0")) wake_.emplace_back("FLUSH NO_WRITE_TO_BINLOG BINARY LOGS");
}

/// Each by itself: what we may not do keeps nothing else from being done. Gives what remains to be done, as statements.
std::string LogicalRestore::wake_server() {
    std::string left;
    std::optional<Connection> connection;
    for (const auto& statement : wake_) {
        try {
            if (!connection) connection.emplace(settings_);
            connection->execute(statement);
        } catch (const Error& error) {
            log_failure(LogLevel::warning, "", error);
            left += (left.empty() ? "" : " ") + statement + ";";
        }
    }
    if (!left.empty()) log(LogLevel::error, "", "the server still has settings of the restore; run: " + left);
    return left;
}

/// Before the server is touched: what is wrong with the log is known now, and not when hours of loading are behind us.
Task<> LogicalRestore::stage() {
    co_await on_pool(services_.pools.blocking, [this] { scratch_.emplace(scratch_beside_); });
    staged_ = co_await stage_log(stage_order(scratch_->path()), *log_, services_.pools);
    // The log may have transactions of servers of which the base has none, after a failover say, and this server be one of them.
    // MariaDB applies what it is given, whatever it has.
    if (mariadb_) co_return;
    co_await on_pool(services_.pools.blocking, [this] {
        Connection connection{settings_};
        require_foreign_gtids(connection, *staged_->after);
    });
}

Task<std::string> LogicalRestore::roll_forward() {
    const auto& staged = *staged_;
    log(LogLevel::info, "",
        "applying " + std::to_string(staged.transactions) + " transactions from " + to_text(staged.start) + " to " +
            to_text(staged.stop));
    request_.target.position->text = to_text(staged.stop);
    co_return co_await on_pool(services_.pools.blocking, [this, &staged] {
        const auto password = settings_.password_reference.empty() ? std::string{} : read_secret(settings_.password_reference);
        if (!mariadb_ && !staged.before->set().empty()) {
            const bool fresh = main_->value("SELECT @@GLOBAL.gtid_executed").empty();
            main_->execute("SET GLOBAL gtid_purged = '" + std::string{fresh ? "" : "+"} + staged.before->text() + "'");
        }
        apply_files({.bin_dir = request_.source.find_text("bin_dir").value_or(""),
                     .mariadb = mariadb_,
                     .files = staged.files,
                     .start_position = staged.start.offset,
                     .stop_position = staged.stop_in_file,
                     .scratch = scratch_->path(),
                     .login = settings_,
                     .password = password});
        require_applied(staged);
        scratch_.reset();
        return staged.after->text();
    });
}

void LogicalRestore::require_applied(const StagedLog& staged) {
    const auto differ = [&](const std::string& has) {
        return Error{Fault::corrupt,
                     "the server says that it has applied " + has + ", and " + staged.after->text() + " was to be applied"}
            .hint("Do not use what it holds. Restore again into a server that was set up anew, and report this.");
    };
    if (!mariadb_) {
        const auto has = GtidSet::parse(main_->value("SELECT REPLACE(@@GLOBAL.gtid_executed, '\n', '')"));
        for (const auto& [source, intervals] : staged.after->set().sources()) {
            const auto found = has.sources().find(source);
            if (found == has.sources().end() || found->second != intervals) throw differ(has.text());
        }
        return;
    }
    // A server without a binlog of its own keeps no account of what a client applied: the client's word must do.
    if (main_->value("SELECT @@GLOBAL.log_bin") == "0") return;
    const AppliedGtids has{true, main_->value("SELECT @@GLOBAL.gtid_binlog_pos")};
    for (const auto& [domain, gtid] : staged.after->last()) {
        const auto before = staged.before->last().find(domain);
        if (before != staged.before->last().end() && before->second == gtid) continue;
        const auto found = has.last().find(domain);
        if (found == has.last().end() || found->second != gtid) throw differ(has.text());
    }
}

// ------------------------------------------------------------------------------------------------------------- the restore

Task<Restored> LogicalRestore::run() {
    co_await examine();
    if (rolls_forward()) co_await stage();
    std::exception_ptr failure;
    Restored restored;
    std::string applied = fact(base_.facts(), "gtid"), left;
    try {
        co_await on_pool(services_.pools.blocking, [this] { quiet_server(); });
        co_await run_scripts("database");
        co_await run_scripts("sequence");
        co_await load_tables();
        for (const auto* kind : {"function", "procedure", "package", "package_body"}) co_await run_scripts(kind);
        co_await make_views();
        co_await run_scripts("trigger");
        co_await run_scripts("event");
        co_await make_accounts();
        restored.reached = base_.facts().stop;
        if (rolls_forward()) {
            applied = co_await roll_forward();
            restored.reached = request_.target.position;
        }
        co_await on_pool(services_.pools.blocking, [this, &applied] { note_gtids(applied); });
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await shielded(on_pool(services_.pools.blocking, [this, &left] { left = wake_server(); }));
    if (failure) std::rethrow_exception(failure);
    restored.bytes_written = content_.bytes;
    restored.next_step =
        "The server holds the backup" + (applied.empty() ? std::string{} : ", with the transactions up to " + applied) + ".";
    if (!accounts_kept_.empty()) {
        std::string kept;
        for (const auto& account : accounts_kept_) kept += (kept.empty() ? "" : ", ") + account;
        restored.next_step += " Accounts that it had already were left as they are: " + kept + ".";
    }
    if (!left.empty()) restored.next_step += " It still has settings of the restore; run: " + left;
    co_return restored;
}

/// So that a replica, or the next restore, goes on from here.
void LogicalRestore::note_gtids(const std::string& applied) {
    if (applied.empty()) return;
    if (mariadb_) {
        main_->execute("SET GLOBAL gtid_slave_pos = '" + applied + "'");
    } else if (!rolls_forward()) {
        const bool fresh = main_->value("SELECT @@GLOBAL.gtid_executed").empty();
        main_->execute("SET GLOBAL gtid_purged = '" + std::string{fresh ? "" : "+"} + applied + "'");
    }
}

}  // namespace varve::mysql

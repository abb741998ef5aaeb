#include "postgresql/check.hpp"

#include <charconv>

#include "postgresql/sync_names.hpp"

namespace varve::postgresql {
namespace {

using Level = Finding::Level;

/// One for the log, one for a base backup's own log, one for BASE_BACKUP.
constexpr long walsenders_needed = 3;
constexpr long slots_needed = 2;

long number(const std::string& text) {
    long value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string set_statement(const std::string& name, const std::string& value, bool restart) {
    return "ALTER SYSTEM SET " + name + " = " + value + ";" +
           (restart ? " then restart the server." : " SELECT pg_reload_conf();");
}

struct Function {
    const char* signature;
    const char* purpose;
    Level level;
};

std::vector<Function> needed_functions(int major) {
    std::vector<Function> functions;
    if (major >= 15) {
        functions.push_back({"pg_backup_start(text, boolean)", "take base backups from files", Level::error});
        functions.push_back({"pg_backup_stop(boolean)", "take base backups from files", Level::error});
    } else {
        functions.push_back({"pg_start_backup(text, boolean, boolean)", "take base backups from files", Level::error});
        functions.push_back({"pg_stop_backup(boolean, boolean)", "take base backups from files", Level::error});
    }
    functions.push_back({"pg_switch_wal()", "prove the round trip of the log", Level::warning});
    functions.push_back({"pg_create_restore_point(text)", "name restore points", Level::warning});
    return functions;
}

/// A value for max_slot_wal_keep_size: half of what is free, in whole gigabytes.
std::string keep_size(std::uint64_t free_for_log) {
    const auto gigabytes = free_for_log / 2 >> 30;
    return gigabytes > 0 ? "'" + std::to_string(gigabytes) + "GB'" : "'10GB'";
}

}  // namespace

Task<std::vector<Finding>> check_role(Session& session, const Cluster& cluster, Method method) {
    std::vector<Finding> findings;
    const auto role = co_await session.query(
        "SELECT quote_ident(rolname) AS name, rolreplication OR rolsuper AS replicates, current_database() AS database "
        "FROM pg_roles WHERE rolname = current_user");
    const auto name = role.text(0, "name");
    if (!role.flag(0, "replicates"))
        findings.push_back({Level::error, "the role " + name + " may not replicate", "ALTER ROLE " + name + " REPLICATION;"});
    if (cluster.data_directory.empty())
        findings.push_back({method == Method::files ? Level::error : Level::warning,
                            "the role " + name + " may not see where the server's files are: base backups are streamed",
                            "GRANT pg_read_all_settings TO " + name + ";"});
    for (const auto& function : needed_functions(cluster.major())) {
        Session::Parameters parameters{std::string{"pg_catalog."} + function.signature};
        if (co_await session.value("SELECT has_function_privilege($1, 'EXECUTE')", std::move(parameters)) == "t") continue;
        const bool streams = method == Method::stream;
        findings.push_back({streams ? Level::info : function.level,
                            "the role " + name + " may not " + function.purpose + " in database " + role.text(0, "database"),
                            std::string{"GRANT EXECUTE ON FUNCTION "} + function.signature + " TO " + name +
                                ";  -- in database " + role.text(0, "database")});
    }
    co_return findings;
}

std::vector<Finding> check_settings(const Cluster& cluster, const std::string& slot, std::uint64_t free_for_log) {
    std::vector<Finding> findings;
    const auto is = [&](const char* name, const char* value) { return cluster.setting(name) == value; };
    if (is("wal_level", "minimal"))
        findings.push_back(
            {Level::error, "wal_level is minimal: the log cannot rebuild the data", set_statement("wal_level", "replica", true)});
    if (number(cluster.setting("max_wal_senders")) < walsenders_needed)
        findings.push_back({Level::error,
                            "max_wal_senders is " + cluster.setting("max_wal_senders") + ", the archiver needs " +
                                std::to_string(walsenders_needed) + " beside your standbys'",
                            set_statement("max_wal_senders", "10", true)});
    if (number(cluster.setting("max_replication_slots")) < slots_needed)
        findings.push_back({Level::error,
                            "max_replication_slots is " + cluster.setting("max_replication_slots") + ", the archiver needs " +
                                std::to_string(slots_needed),
                            set_statement("max_replication_slots", "10", true)});
    if (is("full_page_writes", "off"))
        findings.push_back({cluster.in_recovery ? Level::error : Level::warning,
                            "full_page_writes is off: a crash may leave torn pages, and no standby can be backed up",
                            set_statement("full_page_writes", "on", false)});
    if (is("fsync", "off"))
        findings.push_back({Level::warning,
                            "fsync is off: a crash of the machine may destroy the source, and every backup reads all files",
                            set_statement("fsync", "on", false)});
    if (is("max_slot_wal_keep_size", "-1"))
        findings.push_back(
            {Level::warning,
             "max_slot_wal_keep_size is -1: while the archive cannot be reached, the log may fill the server's disk",
             set_statement("max_slot_wal_keep_size", keep_size(free_for_log), false)});
    if (const auto idle = cluster.setting("idle_replication_slot_timeout"); !idle.empty() && number(idle) != 0)
        findings.push_back({Level::warning,
                            "idle_replication_slot_timeout is " + idle + ": a longer outage of the archiver makes a gap",
                            set_statement("idle_replication_slot_timeout", "0", false)});
    if (const auto names = cluster.setting("synchronous_standby_names"); !names.empty() && is_synchronous(names, slot))
        findings.push_back(
            {Level::error, "synchronous_standby_names makes the archiver a synchronous standby: commits would wait for the store",
             excluding_statement(names, slot)});
    if (!cluster.checksums)
        findings.push_back({Level::info, "pages carry no checksums: damage on the source's disk is not noticed by backups",
                            "Stop the server and run: pg_checksums --enable -D DATA_DIRECTORY"});
    return findings;
}

Task<std::vector<Finding>> check_activity(Session& session, const Cluster& cluster, const std::string& slot) {
    std::vector<Finding> findings;
    Session::Parameters parameters{slot};
    const auto used = co_await session.query(
        "SELECT (SELECT count(*) FROM pg_stat_replication WHERE application_name <> $1) AS senders, "
        "(SELECT count(*) FROM pg_replication_slots WHERE slot_name <> $1) AS slots",
        std::move(parameters));
    const auto senders_left = number(cluster.setting("max_wal_senders")) - number(used.text(0, "senders"));
    const auto slots_left = number(cluster.setting("max_replication_slots")) - number(used.text(0, "slots"));
    if (senders_left < walsenders_needed && number(cluster.setting("max_wal_senders")) >= walsenders_needed)
        findings.push_back({Level::warning,
                            "max_wal_senders leaves " + std::to_string(senders_left) + " for the archiver, it needs " +
                                std::to_string(walsenders_needed),
                            set_statement("max_wal_senders", std::to_string(number(used.text(0, "senders")) + 10), true)});
    if (slots_left < slots_needed && number(cluster.setting("max_replication_slots")) >= slots_needed)
        findings.push_back({Level::warning,
                            "max_replication_slots leaves " + std::to_string(slots_left) + " for the archiver, it needs " +
                                std::to_string(slots_needed),
                            set_statement("max_replication_slots", std::to_string(number(used.text(0, "slots")) + 10), true)});
    const auto archiver = co_await session.query(
        "SELECT last_failed_wal FROM pg_stat_archiver "
        "WHERE last_failed_time > coalesce(last_archived_time, '-infinity') AND current_setting('archive_mode') <> 'off'");
    if (!archiver.empty())
        findings.push_back({Level::warning,
                            "the server's own archive_command fails on " + archiver.text(0, 0) + ": the log stays on its disk",
                            "Mend it, or turn it off where Varve follows the log: ALTER SYSTEM SET archive_mode = off; then "
                            "restart the server."});
    co_return findings;
}

}  // namespace varve::postgresql

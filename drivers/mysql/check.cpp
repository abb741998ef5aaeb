#include "mysql/check.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "mysql/server_error.hpp"

namespace varve::mysql {

namespace {

using Level = Finding::Level;
using std::chrono::hours;
using std::chrono::seconds;

/// A base a day, and time to notice that none was taken.
constexpr hours expiry_wanted{48};

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::string set_global(const std::string& name, const std::string& value) {
    return "SET GLOBAL " + name + " = " + value + "; and write it into the server's configuration.";
}

std::string in_configuration(const std::string& line) {
    return "Write " + line + " into the server's configuration and restart it.";
}

std::string in_words(seconds span) {
    const auto whole = std::chrono::duration_cast<hours>(span).count();
    return std::to_string(whole) + (whole == 1 ? " hour" : " hours");
}

void check_format(const ServerFacts& server, std::vector<Finding>& findings) {
    const auto format = upper(server.variable("binlog_format"));
    if (format == "STATEMENT")
        findings.push_back({Level::error, "binlog_format is STATEMENT: a replay may give other data than the server had",
                            set_global("binlog_format", "'ROW'")});
    if (format == "MIXED")
        findings.push_back({Level::warning, "binlog_format is MIXED: some statements are logged and not their rows",
                            set_global("binlog_format", "'ROW'")});
    const auto image = upper(server.variable("binlog_row_image"));
    if (!image.empty() && image != "FULL")
        findings.push_back({Level::warning,
                            "binlog_row_image is " + image + ": rows are logged in part, and nothing can be skipped",
                            set_global("binlog_row_image", "'FULL'")});
    if (upper(server.variable("binlog_checksum")) == "NONE")
        findings.push_back({Level::warning, "binlog_checksum is NONE: a damaged event is not noticed",
                            set_global("binlog_checksum", "'CRC32'")});
}

void check_durability(const ServerFacts& server, std::vector<Finding>& findings) {
    if (server.variable("sync_binlog") != "1")
        findings.push_back({Level::warning,
                            "sync_binlog is " + server.variable("sync_binlog") +
                                ": when the machine dies, the server loses log that is archived, and the log begins anew",
                            set_global("sync_binlog", "1")});
    if (const auto flush = server.variable("innodb_flush_log_at_trx_commit"); !flush.empty() && flush != "1")
        findings.push_back({Level::warning,
                            "innodb_flush_log_at_trx_commit is " + flush + ": when the machine dies, tables and log may differ",
                            set_global("innodb_flush_log_at_trx_commit", "1")});
}

void check_expiry(const ServerFacts& server, std::vector<Finding>& findings) {
    const auto expiry = expiry_of(server);
    if (!expiry || *expiry >= expiry_wanted) return;
    findings.push_back({Level::warning,
                        "the server keeps its log for " + in_words(*expiry) + " only: what is not archived by then is lost",
                        set_global("binlog_expire_logs_seconds", "604800")});
}

void check_filters(Connection& connection, std::vector<Finding>& findings) {
    const auto status = [&]() -> Rows {
        try {
            return connection.query("SHOW BINARY LOG STATUS");
        } catch (const Error& error) {
            if (error.fault() != Fault::unsupported) throw;
        }
        return connection.query("SHOW MASTER STATUS");
    };
    const auto rows = status();
    if (rows.empty()) return;
    for (const auto* column : {"Binlog_Do_DB", "Binlog_Ignore_DB"}) {
        const auto filter = rows.has(column) ? rows.find(0, column).value_or("") : "";
        if (!filter.empty())
            findings.push_back({Level::error, std::string{column} + " is " + filter + ": what it leaves out is in no log",
                                "Take binlog-do-db and binlog-ignore-db out of the server's configuration and restart it."});
    }
}

void check_replication(Connection& connection, const ServerFacts& server, std::vector<Finding>& findings) {
    if (!ask_is_replica(connection)) return;
    const auto* name = server.variables.contains("log_replica_updates") ? "log_replica_updates" : "log_slave_updates";
    if (!server.is_on(name))
        findings.push_back(
            {Level::error, std::string{"this server is a replica, and "} + name + " is off: what it replicates is not in its log",
             in_configuration(std::string{name} + " = ON")});
}

void check_engine(Connection& connection, std::vector<Finding>& findings) {
    const auto rows = connection.query("SHOW GLOBAL STATUS LIKE 'Innodb_redo_log_enabled'");
    if (!rows.empty() && upper(rows.text(0, std::size_t{1})) == "OFF")
        findings.push_back({Level::error, "InnoDB writes no redo log: a copy of its files is worth nothing",
                            "ALTER INSTANCE ENABLE INNODB REDO_LOG;"});
}

/// Up to a few names of tables, and whether there are more. A row: database, table.
std::string some_of(const Rows& rows) {
    constexpr std::size_t shown = 3;
    std::string names;
    for (std::size_t row = 0; row < std::min(rows.size(), shown); ++row)
        names += (row == 0 ? "" : ", ") + rows.text(row, std::size_t{0}) + "." + rows.text(row, std::size_t{1});
    return names + (rows.size() > shown ? " and more" : "");
}

/// The statement for the first of them.
std::string alter_first(const Rows& rows, const std::string& change) {
    const auto table =
        Connection::identifier(rows.text(0, std::size_t{0})) + "." + Connection::identifier(rows.text(0, std::size_t{1}));
    return "ALTER TABLE " + table + " " + change + ";" + (rows.size() > 1 ? " and the others alike." : "");
}

constexpr const char* not_ours = "('mysql', 'sys', 'information_schema', 'performance_schema')";

}  // namespace

std::optional<seconds> expiry_of(const ServerFacts& server) {
    double value = 0;
    const auto read = [&](const char* name) {
        const auto text = server.variable(name);
        value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value > 0;
    };
    if (read("binlog_expire_logs_seconds")) return seconds{static_cast<std::int64_t>(value)};
    if (read("expire_logs_days")) return seconds{static_cast<std::int64_t>(value * 86400)};
    return std::nullopt;
}

std::vector<Finding> check_settings(const ServerFacts& server) {
    std::vector<Finding> findings;
    if (!server.is_on("log_bin"))
        findings.push_back(
            {Level::error, "the server writes no binlog: there is nothing to follow", in_configuration("log_bin = binlog")});
    if (upper(server.variable("binlog_storage_engine")) == "INNODB")
        findings.push_back({Level::error, "binlog_storage_engine is innodb: such a log cannot be read by file and offset",
                            "Take binlog_storage_engine out of the server's configuration and restart it."});
    if (server.server_id() == 0)
        findings.push_back({Level::error, "server_id is 0: the server sends its log to nobody", set_global("server_id", "1")});
    check_format(server, findings);
    check_durability(server, findings);
    check_expiry(server, findings);
    if (server.is_on("wsrep_on") && !server.is_on("wsrep_gtid_mode"))
        findings.push_back({Level::warning, "wsrep_gtid_mode is off: the nodes of this cluster number transactions differently",
                            in_configuration("wsrep_gtid_mode = ON")});
    return findings;
}

std::vector<Finding> check_session(Connection& connection, const ServerFacts& server, const Rights& rights) {
    auto findings = check_rights(rights, server.flavour == Flavour::mariadb);
    try {
        check_filters(connection, findings);
        check_replication(connection, server, findings);
        check_engine(connection, findings);
    } catch (const Error& error) {
        if (error.fault() != Fault::denied) throw;  // check_rights names what is missing
    }
    return findings;
}

std::vector<Finding> check_tables(Connection& connection) {
    std::vector<Finding> findings;
    const auto plain = connection.query(
        std::string{"SELECT table_schema, table_name FROM information_schema.tables WHERE "
                    "table_type = 'BASE TABLE' AND engine IN ('MyISAM', 'Aria', 'CSV', 'ARCHIVE', 'MRG_MyISAM') AND "
                    "table_schema NOT IN "} +
        not_ours + " LIMIT 4");
    if (!plain.empty())
        findings.push_back({Level::warning,
                            "tables without transactions: " + some_of(plain) + "; a backup has them as of no one commit",
                            alter_first(plain, "ENGINE = InnoDB")});
    const auto keyless = connection.query(
        std::string{"SELECT t.table_schema, t.table_name FROM information_schema.tables t LEFT JOIN "
                    "information_schema.table_constraints c ON c.table_schema = t.table_schema AND c.table_name = "
                    "t.table_name AND c.constraint_type = 'PRIMARY KEY' WHERE t.table_type = 'BASE TABLE' AND "
                    "c.constraint_name IS NULL AND t.table_schema NOT IN "} +
        not_ours + " LIMIT 4");
    if (!keyless.empty())
        findings.push_back({Level::warning,
                            "tables without a primary key: " + some_of(keyless) +
                                "; replaying their rows is slow, and copies of them are not parallel",
                            alter_first(keyless, "ADD COLUMN added_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY")});
    return findings;
}

std::vector<Finding> check_horizon(const ServerFacts& server, const std::string& next, std::optional<Instant> left_at,
                                   Instant now) {
    const auto expiry = expiry_of(server);
    if (!expiry || !left_at) return {};
    const auto left = std::chrono::duration_cast<seconds>(*left_at + *expiry - now);
    if (left > *expiry / 2) return {};
    const auto when = left.count() > 0 ? "in " + in_words(left) : std::string{"as soon as it begins another file"};
    return {{Level::warning, "the server purges " + next + ", which is not archived yet, " + when,
             "See varve status for what holds the log up, or let the server keep more: " +
                 set_global("binlog_expire_logs_seconds", "604800")}};
}

}  // namespace varve::mysql

#include "mysql/server.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "mysql/server_error.hpp"
#include "varve/check.hpp"
#include "varve/clock.hpp"

namespace varve::mysql {

namespace {

constexpr std::uint64_t encryption_header_bytes = 512;  ///< that MySQL puts before an encrypted file, and does not send

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

std::uint64_t number(const std::string& text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/// A statement that newer servers have under another name.
Rows query_either(Connection& connection, const std::string& newer, const std::string& older) {
    try {
        return connection.query(newer);
    } catch (const Error& error) {
        if (error.fault() != Fault::unsupported) throw;
    }
    return connection.query(older);
}

/// Older MariaDB has no name of its own: then the place where it runs is one.
std::string uuid_of(const ServerFacts& facts) {
    for (const auto* name : {"server_uuid", "server_uid"})
        if (const auto uuid = facts.variable(name); !uuid.empty()) return uuid;
    const auto place = facts.variable("hostname") + ":" + facts.variable("port") + ":" + facts.variable("datadir");
    return "place-" + to_hex(sha256(view_of(place))).substr(0, 32);
}

}  // namespace

std::string_view name_of(Flavour flavour) noexcept { return flavour == Flavour::mariadb ? "MariaDB" : "MySQL"; }

std::string ServerFacts::variable(const std::string& name) const {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string{} : found->second;
}

bool ServerFacts::is_on(const std::string& name) const {
    const auto value = lower(variable(name));
    return value == "on" || value == "1" || value == "yes";
}

std::uint32_t ServerFacts::server_id() const { return static_cast<std::uint32_t>(number(variable("server_id"))); }

std::string ServerFacts::series() const {
    const auto first = version.find('.');
    if (first == std::string::npos) return version;
    const auto second = version.find_first_not_of("0123456789", first + 1);
    return version.substr(0, second);
}

ServerFacts ask_server(Connection& connection) {
    ServerFacts facts;
    const auto rows = connection.query("SHOW GLOBAL VARIABLES");
    for (std::size_t row = 0; row < rows.size(); ++row)
        facts.variables[lower(rows.text(row, std::size_t{0}))] = rows.find(row, std::size_t{1}).value_or("");
    facts.version = connection.value("SELECT version()");
    // A proxy may greet with another name than the server's own.
    const bool is_mariadb = facts.version.find("MariaDB") != std::string::npos || facts.variables.contains("gtid_binlog_state");
    facts.flavour = is_mariadb ? Flavour::mariadb : Flavour::mysql;
    facts.uuid = uuid_of(facts);
    return facts;
}

BinlogPlace ask_binlog_end(Connection& connection) {
    const auto rows = query_either(connection, "SHOW BINARY LOG STATUS", "SHOW MASTER STATUS");
    if (rows.empty())
        throw Error{Fault::unsupported, "the server writes no binlog"}.hint(
            "Set log_bin in the server's configuration and restart it.");
    return {rows.text(0, "File"), number(rows.text(0, "Position"))};
}

std::vector<BinlogFile> ask_binlog_files(Connection& connection) {
    const auto rows = connection.query("SHOW BINARY LOGS");
    const bool tells_encryption = rows.has("Encrypted");
    std::vector<BinlogFile> files;
    for (std::size_t row = 0; row < rows.size(); ++row) {
        BinlogFile file{.name = rows.text(row, "Log_name"), .bytes = number(rows.text(row, "File_size"))};
        if (tells_encryption && rows.text(row, "Encrypted") == "Yes") file.bytes -= std::min(file.bytes, encryption_header_bytes);
        files.push_back(std::move(file));
    }
    return files;
}

std::string ask_gtids(Connection& connection, Flavour flavour) {
    if (flavour == Flavour::mysql) return connection.value("SELECT @@GLOBAL.gtid_executed");
    return connection.value(
        "SELECT concat_ws(',', nullif(@@GLOBAL.gtid_current_pos, ''), nullif(@@GLOBAL.gtid_binlog_state, ''))");
}

std::chrono::microseconds ask_clock_offset(Connection& connection) {
    const auto theirs = connection.value("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)");
    const auto ours = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    return std::chrono::microseconds{static_cast<std::int64_t>(number(theirs))} - ours.time_since_epoch();
}

bool ask_is_replica(Connection& connection) {
    return !query_either(connection, "SHOW REPLICA STATUS", "SHOW SLAVE STATUS").empty();
}

}  // namespace varve::mysql

#include "mysql/base_backup.hpp"

#include <unistd.h>

#include <charconv>

#include "mysql/follow.hpp"
#include "mysql/tools.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve::mysql {

namespace {

namespace fs = std::filesystem;

/// What is asked one by one, because servers have different ones.
constexpr const char* variables[] = {"version",
                                     "version_comment",
                                     "hostname",
                                     "lower_case_table_names",
                                     "server_id",
                                     "server_uuid",
                                     "server_uid",
                                     "character_set_server",
                                     "binlog_format",
                                     "sql_mode",
                                     "collation_server",
                                     "innodb_page_size",
                                     "log_bin",
                                     "time_zone",
                                     "system_time_zone",
                                     "datadir",
                                     "socket",
                                     "pid_file",
                                     "gtid_domain_id",
                                     "gtid_mode",
                                     "basedir",
                                     "plugin_dir",
                                     "innodb_data_file_path"};

/// Why mariadb-backup cannot copy this server here; empty: it can.
std::string find_obstacle(const SourceSettings& settings) {
    Connection connection{settings.connection};
    if (!connection.is_mariadb()) return "only MariaDB has a tool that copies its files";
    if (const auto found = find_tool(settings.bin_dir, {"mariadb-backup", "mariabackup"}); !found)
        return "there is no mariadb-backup here";
    const auto facts = facts_of_server(connection);
    const auto data = facts.at("datadir");
    std::error_code ignored;
    if (!fs::is_directory(data, ignored)) return "the server's data directory is not on this host";
    if (::access(data.c_str(), R_OK | X_OK) != 0)
        return "the server's data directory cannot be read: run varve as root or as its user";
    if (!is_server_of(connection, data)) return "the data directory of that name on this host is another server's";
    return {};
}

}  // namespace

Coordinates parse_binlog_info(std::string_view text) {
    const auto broken = [] {
        return Error{Fault::corrupt, "the backup tool's note of the binlog position cannot be understood"};
    };
    const auto first = text.find('\t');
    if (first == std::string_view::npos || first == 0) throw broken();
    auto rest = text.substr(first + 1);
    Coordinates found;
    found.file = text.substr(0, first);
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), found.position);
    if (problem != std::errc{}) throw broken();
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    for (const char c : rest)
        if (c != '\t' && c != '\n' && c != ' ') found.gtid += c;
    return found;
}

Properties facts_of_server(Connection& connection) {
    Properties facts;
    std::string names;
    for (const auto* name : variables) names += (names.empty() ? "'" : ",'") + std::string{name} + "'";
    const auto rows = connection.query("SHOW GLOBAL VARIABLES WHERE Variable_name IN (" + names + ")");
    for (std::size_t row = 0; row < rows.size(); ++row)
        if (const auto& value = rows.find(row, 1); value && !value->empty()) facts[rows.text(row, 0)] = *value;
    facts["flavour"] = connection.is_mariadb() ? "mariadb" : "mysql";
    return facts;
}

Instant ask_time(Connection& connection) {
    const auto text = connection.value("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)");
    return Instant{std::chrono::microseconds{std::stoll(text)}};
}

Task<Choice> choose_method(BackupContext context) {
    if (context.settings.method == Method::physical) co_return Choice{Method::physical, "as configured"};
    if (context.settings.method == Method::logical) co_return Choice{Method::logical, "as configured"};
    const auto obstacle =
        co_await on_pool(context.services.pools.blocking, [&context] { return find_obstacle(context.settings); });
    if (obstacle.empty()) co_return Choice{Method::physical, "mariadb-backup can copy the server's files on this host"};
    co_return Choice{Method::logical, obstacle};
}

Task<BackupFacts> back_up_server(BackupContext context, Follower& follower, BackupSink& sink) {
    const auto choice = co_await choose_method(context);
    const bool physical = choice.method == Method::physical;
    log(LogLevel::info, context.source.text(), std::string{physical ? "physical" : "logical"} + " backup: " + choice.reason);
    auto copied = physical ? co_await back_up_physical(context, sink) : co_await back_up_logical(context, sink);
    BackupFacts facts;
    facts.stop_time = copied.stop_time;
    facts.facts = std::move(copied.facts);
    facts.findings = std::move(copied.findings);
    if (!copied.coordinates) co_return facts;
    const auto& place = *copied.coordinates;
    facts.facts["binlog_file"] = place.file;
    facts.facts["binlog_position"] = std::to_string(place.position);
    facts.facts["gtid"] = place.gtid;
    auto located = co_await follower.locate({place.file, place.position});
    facts.stop = located.position;
    // The file that holds it is rebuilt whole.
    facts.start = LogPosition{located.position.lineage, located.position.at - place.position, to_text({place.file, 0})};
    facts.lineage = std::move(located.lineage);
    co_return facts;
}

}  // namespace varve::mysql

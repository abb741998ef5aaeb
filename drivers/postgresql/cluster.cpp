#include "postgresql/cluster.hpp"

#include "postgresql/server_error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

constexpr int version_min = 130000, version_max = 190000;

Task<> ask_identity(Session& session, Cluster& cluster) {
    const auto rows = co_await session.query(
        "SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS in_recovery, system_identifier, "
        "catalog_version_no, pg_postmaster_start_time()::text AS started, "
        "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS position "
        "FROM pg_control_system()");
    cluster.version_text = rows.text(0, "version");
    cluster.in_recovery = rows.flag(0, "in_recovery");
    cluster.system_identifier = std::to_string(static_cast<std::uint64_t>(std::stoll(rows.text(0, "system_identifier"))));
    cluster.catalog_version = static_cast<std::uint32_t>(std::stoul(rows.text(0, "catalog_version_no")));
    cluster.postmaster_start = rows.text(0, "started");
    // A standby that replayed nothing yet has no position.
    if (const auto position = rows.find(0, "position")) cluster.position = parse_lsn(*position);
}

Task<> ask_settings(Session& session, Cluster& cluster) {
    const auto rows = co_await session.query("SELECT name, current_setting(name) AS value FROM pg_settings");
    for (int row = 0; row < rows.size(); ++row)
        if (const auto value = rows.find(row, "value")) cluster.settings[rows.text(row, "name")] = std::string{*value};
    cluster.data_directory = cluster.setting("data_directory");
    cluster.config_file = cluster.setting("config_file");
    cluster.hba_file = cluster.setting("hba_file");
    cluster.ident_file = cluster.setting("ident_file");
    cluster.checksums = cluster.setting("data_checksums") == "on";
}

Task<> ask_tablespaces(Session& session, Cluster& cluster) {
    const auto rows = co_await session.query(
        "SELECT oid::text AS oid, spcname, pg_tablespace_location(oid) AS location FROM pg_tablespace "
        "WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY oid");
    for (int row = 0; row < rows.size(); ++row) {
        ClusterTablespace tablespace{rows.text(row, "oid"), rows.text(row, "spcname"), rows.text(row, "location")};
        // Of an in-place tablespace the server gives its path in the data directory: pg_tblspc/16384.
        if (!tablespace.location.starts_with('/')) tablespace.location.clear();
        cluster.tablespaces.push_back(std::move(tablespace));
    }
}

Task<> ask_locale(Session& session, Cluster& cluster) {
    const auto rows = co_await session.query(
        "SELECT pg_encoding_to_char(encoding) AS encoding, datcollate, datctype FROM pg_database WHERE datname = 'template1'");
    if (rows.empty()) co_return;  // somebody dropped template1
    cluster.encoding = rows.text(0, "encoding");
    cluster.collate = rows.text(0, "datcollate");
    cluster.ctype = rows.text(0, "datctype");
}

}  // namespace

std::string Cluster::setting(const std::string& name) const {
    const auto found = settings.find(name);
    return found == settings.end() ? std::string{} : found->second;
}

Task<Cluster> ask_cluster(Session& session) {
    Cluster cluster;
    cluster.version_num = session.server_version();
    if (cluster.version_num < version_min || cluster.version_num >= version_max)
        throw Error{Fault::unsupported, "the server is PostgreSQL " + std::to_string(cluster.major())}.hint(
            "PostgreSQL 13 to 18 are supported.");
    co_await ask_identity(session, cluster);
    co_await ask_settings(session, cluster);
    co_await ask_tablespaces(session, cluster);
    co_await ask_locale(session, cluster);
    co_return cluster;
}

Properties facts_of(const Cluster& cluster) {
    Properties facts{{"system_identifier", cluster.system_identifier},
                     {"server_version_num", std::to_string(cluster.version_num)},
                     {"server_version", cluster.version_text},
                     {"catalog_version", std::to_string(cluster.catalog_version)},
                     {"data_directory", cluster.data_directory},
                     {"config_file", cluster.config_file},
                     {"hba_file", cluster.hba_file},
                     {"ident_file", cluster.ident_file},
                     {"from_standby", cluster.in_recovery ? "on" : "off"},
                     {"data_checksums", cluster.checksums ? "on" : "off"},
                     {"encoding", cluster.encoding},
                     {"lc_collate", cluster.collate},
                     {"lc_ctype", cluster.ctype},
                     {"postmaster_start_time", cluster.postmaster_start}};
    for (const auto& tablespace : cluster.tablespaces) {
        facts["tablespace." + tablespace.oid + ".name"] = tablespace.name;
        facts["tablespace." + tablespace.oid + ".location"] = tablespace.location;
    }
    for (const auto* name : settings_not_lower) facts[std::string{"setting."} + name] = cluster.setting(name);
    for (const std::string name : {"port", "shared_preload_libraries", "fsync", "wal_level", "full_page_writes"})
        facts["setting." + name] = cluster.setting(name);
    return facts;
}

std::string boot_id() {
    const auto text = find_file("/proc/sys/kernel/random/boot_id", 4096);
    return text ? std::string{text_of(*text)} : std::string{};
}

}  // namespace varve::postgresql

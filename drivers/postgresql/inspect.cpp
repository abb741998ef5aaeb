#include "postgresql/inspect.hpp"

#include "postgresql/base_backup.hpp"
#include "postgresql/check.hpp"
#include "postgresql/lineage.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

void append(std::vector<Finding>& findings, std::vector<Finding> more) {
    for (auto& finding : more) findings.push_back(std::move(finding));
}

std::uint64_t free_where_log_lies(const std::string& data_directory) {
    try {
        return data_directory.empty() ? 0 : free_bytes(std::filesystem::path{data_directory} / "pg_wal");
    } catch (const Error&) {
        return 0;  // not on this host, or not ours to see
    }
}

Task<std::uint64_t> ask_bytes(Session& session) {
    const auto text = co_await session.value(
        "SELECT coalesce(sum(pg_database_size(oid)), 0)::bigint FROM pg_database "
        "WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')");
    co_return std::stoull(text);
}

Task<std::optional<ServerLog>> find_server_log(const ConnectionSettings& connection, Pools& pools) {
    try {
        auto session = co_await Session::open(connection, SessionKind::replication, pools);
        co_return co_await ask_server_log(*session);
    } catch (const Error& error) {
        if (error.fault() != Fault::denied) throw;
    }
    co_return std::nullopt;
}

/// Which way base backups go, with a finding when that is not the fast one.
Task<std::string> choose_method(Session& session, const Cluster& cluster, Method method, Pools& pools,
                                std::vector<Finding>& findings) {
    if (method == Method::stream) co_return "stream";
    const auto obstacle = co_await find_obstacle_to_files(session, cluster, pools);
    if (!obstacle) co_return "files";
    const auto level = method == Method::files ? Finding::Level::error : Finding::Level::info;
    findings.push_back({level, "base backups cannot read the server's files: " + obstacle->sentence(), obstacle->remedy()});
    co_return method == Method::files ? "files" : "stream";
}

/// The server that base backups are taken from, when it is not the primary.
Task<std::vector<Finding>> check_backup_server(SourceSettings settings, std::string identity, Pools& pools) {
    std::vector<Finding> findings;
    try {
        auto session = co_await Session::open(*settings.backup_from, SessionKind::sql, pools);
        const auto cluster = co_await ask_cluster(*session);
        require_cluster(cluster, identity);
        if (!cluster.in_recovery)
            findings.push_back({Finding::Level::warning, "the server that `backup_from` names is no standby",
                                "Name a standby of the source, or take `backup_from` out."});
        append(findings, co_await check_role(*session, cluster, settings.method));
        co_await choose_method(*session, cluster, settings.method, pools, findings);
    } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        findings.push_back(
            {Finding::Level::error, "base backups cannot be taken from `backup_from`: " + error.sentence(), error.remedy()});
    }
    co_return findings;
}

}  // namespace

Task<SourceState> inspect_source(SourceSettings settings, Pools& pools) {
    auto session = co_await Session::open(settings.primary, SessionKind::sql, pools);
    const auto cluster = co_await ask_cluster(*session);
    SourceState state;
    state.identity = cluster.system_identifier;
    state.version = cluster.version_text;
    state.facts = facts_of(cluster);
    state.bytes = co_await ask_bytes(*session);
    append(state.findings, co_await check_role(*session, cluster, settings.method));
    const auto room = co_await on_pool(pools.blocking, [data = cluster.data_directory] { return free_where_log_lies(data); });
    append(state.findings, check_settings(cluster, settings.slot, room));
    append(state.findings, co_await check_activity(*session, cluster, settings.slot));
    if (settings.backup_from)
        append(state.findings, co_await check_backup_server(settings, cluster.system_identifier, pools));
    else
        state.facts["method"] = co_await choose_method(*session, cluster, settings.method, pools, state.findings);
    if (const auto log = co_await find_server_log(settings.primary, pools)) {
        state.position = position_in(log->lineage, log->flushed);
        state.facts["timeline"] = std::to_string(log->history.timeline);
        state.facts["wal_segment_size"] = std::to_string(log->segment_bytes);
    }
    co_return state;
}

}  // namespace varve::postgresql

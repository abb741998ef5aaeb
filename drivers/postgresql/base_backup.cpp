#include "postgresql/base_backup.hpp"

#include <unistd.h>

#include <charconv>
#include <cstdlib>

#include "postgresql/backup_wal.hpp"
#include "postgresql/config_text.hpp"
#include "postgresql/control_file.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

/// So often is an idle session asked, so that no firewall forgets it; its loss is noticed at once.
constexpr std::chrono::seconds look_at_session{10};

/// What a running server writes into its postmaster.pid.
struct PostmasterFile {
    std::int64_t start_seconds = 0;
    std::string port;
};

std::optional<PostmasterFile> find_postmaster_file(const fs::path& data_directory) {
    const auto content = find_file(data_directory / "postmaster.pid", 64u << 10);
    if (!content) return std::nullopt;
    const auto lines = lines_of(text_of(*content));
    if (lines.size() < 4) return std::nullopt;
    PostmasterFile file{.port = std::string{lines[3]}};
    std::from_chars(lines[2].data(), lines[2].data() + lines[2].size(), file.start_seconds);
    return file;
}

Error elsewhere(const Cluster& cluster, const std::string& why) {
    return Error{Fault::unsupported, "the data directory " + cluster.data_directory + " of this host is not the server's: " + why}
        .hint("Take the backup with method = \"stream\", or run varve on the server's own host.");
}

/// A standby on this host has the identifier of its primary on another: so the running server must be recognised as well.
std::optional<Error> find_foreign_server(const Cluster& cluster, std::int64_t server_start_seconds) {
    constexpr std::int64_t start_seconds_apart_max = 5;
    const auto control = read_control_file(cluster.data_directory);
    if (std::to_string(control.system_identifier) != cluster.system_identifier)
        return elsewhere(cluster, "it belongs to the system " + std::to_string(control.system_identifier));
    const bool recovering = control.state == ClusterState::in_archive_recovery;
    if (recovering != cluster.in_recovery)
        return elsewhere(cluster, recovering ? "it belongs to a standby" : "it belongs to a primary");
    const auto postmaster = find_postmaster_file(cluster.data_directory);
    if (!postmaster) return elsewhere(cluster, "no server runs on it");
    if (postmaster->port != cluster.setting("port")) return elsewhere(cluster, "the server on it has port " + postmaster->port);
    if (std::abs(postmaster->start_seconds - server_start_seconds) > start_seconds_apart_max)
        return elsewhere(cluster, "the server on it was started at another time");
    return std::nullopt;
}

std::optional<Error> find_unreadable(const Cluster& cluster) {
    std::vector<fs::path> directories{fs::path{cluster.data_directory} / "base"};
    for (const auto& tablespace : cluster.tablespaces)
        if (!tablespace.location.empty()) directories.emplace_back(tablespace.location);
    for (const auto& directory : directories)
        if (::access(directory.c_str(), R_OK | X_OK) != 0) return system_error(errno, "access", directory);
    return std::nullopt;
}

std::optional<Error> find_local_obstacle(const Cluster& cluster, std::int64_t server_start_seconds) {
    try {
        if (auto foreign = find_foreign_server(cluster, server_start_seconds)) return foreign;
        return find_unreadable(cluster);
    } catch (const Error& error) {
        return error;
    }
}

}  // namespace

Task<std::optional<Error>> find_obstacle_to_files(Session& session, Cluster cluster, Pools& pools) {
    if (cluster.data_directory.empty()) {
        co_return Error{Fault::denied, "the server does not tell where its data directory is"}.hint(
            "Let the role see the settings: GRANT pg_read_all_settings TO " +
            co_await session.value("SELECT quote_ident(current_user)") + ";");
    }
    const auto started = co_await session.value("SELECT floor(extract(epoch FROM pg_postmaster_start_time()))::bigint");
    co_return co_await on_pool(pools.blocking, [cluster = std::move(cluster), seconds = std::stoll(started)] {
        return find_local_obstacle(cluster, seconds);
    });
}

void require_cluster(const Cluster& cluster, const std::string& system_identifier) {
    if (system_identifier.empty() || cluster.system_identifier == system_identifier) return;
    throw Error{Fault::refused, "the server that the backup would be taken from belongs to another cluster: its identity is " +
                                    cluster.system_identifier + ", the source's is " + system_identifier}
        .code("wrong_identity", 5)
        .hint("Let `backup_from` name a standby of the source.");
}

Task<Lsn> start_backup(Session& session, std::string label) {
    const auto* sql =
        session.server_major() >= 15 ? "SELECT pg_backup_start($1, true)" : "SELECT pg_start_backup($1, true, false)";
    Session::Parameters parameters{std::move(label)};
    co_return parse_lsn(co_await session.value(sql, std::move(parameters)));
}

Task<BackupStop> stop_backup(Session& session) {
    // Not waiting for the archiver: it may fail, and this backup carries its log itself.
    const auto* sql = session.server_major() >= 15 ? "SELECT lsn::text, labelfile, spcmapfile FROM pg_backup_stop(false)"
                                                   : "SELECT lsn::text, labelfile, spcmapfile FROM pg_stop_backup(false, false)";
    const auto rows = co_await session.query(sql);
    BackupStop stop;
    stop.lsn = parse_lsn(rows.text(0, 0));
    stop.label_file = rows.text(0, 1);
    stop.tablespace_map = std::string{rows.find(0, 2).value_or("")};
    co_return stop;
}

Lsn end_of_own_log(Lsn stop, const Cluster& cluster, std::uint64_t segment_bytes) {
    // At the very border of a segment the server has nothing to switch away.
    if (cluster.in_recovery || stop % segment_bytes == 0) return stop;
    return segment_end(stop, segment_bytes);
}

Task<> watch_backup(Session& session, BackupWal& wal, const bool& done) {
    try {
        while (!done) {
            wal.refuse_synchronous(co_await session.value("SHOW synchronous_standby_names"));
            if (!done) co_await session.wait_readable(look_at_session);
        }
    } catch (...) {
        wal.cut();
        throw;
    }
}

Task<Instant> ask_time(Session& session) {
    // Where no commit was replayed since a standby started, all that it has are older than its last checkpoint, whose time is
    // in whole seconds.
    const auto text = co_await session.value(
        "SELECT (extract(epoch FROM CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_xact_replay_timestamp(), "
        "(SELECT checkpoint_time + interval '1 s' FROM pg_control_checkpoint())) ELSE clock_timestamp() END) * 1000000)::bigint");
    co_return Instant{std::chrono::microseconds{std::stoll(text)}};
}

}  // namespace varve::postgresql

#include "postgresql/postgresql_driver.hpp"

#include "postgresql/base_backup.hpp"
#include "postgresql/inspect.hpp"
#include "postgresql/restore.hpp"
#include "postgresql/restore_target.hpp"
#include "postgresql/wal_files.hpp"

namespace varve::postgresql {

PostgresqlDriver::PostgresqlDriver(const SourceName& source, const Settings& settings, DriverServices services)
    : settings_{read_source_settings(source, settings)},
      services_{std::move(services)},
      follower_{source,          settings_.primary, settings_.slot,
                services_.pools, services_.clock,   services_.state_dir / "followed-tail"} {}

DriverTraits PostgresqlDriver::traits() const noexcept { return {.has_log = true}; }

std::string PostgresqlDriver::print_position(std::uint64_t at) const { return to_text(at); }

Task<SourceState> PostgresqlDriver::inspect() { return inspect_source(settings_, services_.pools); }

Task<BackupFacts> PostgresqlDriver::back_up(BackupRequest request, BackupSink& sink) {
    BackupContext context{settings_.backup_from.value_or(settings_.primary), services_.pools, std::move(request), {}};
    if (settings_.backup_from) {
        const auto session = co_await Session::open(settings_.primary, SessionKind::sql, services_.pools);
        context.system_identifier = (co_await ask_cluster(*session)).system_identifier;
    }
    auto method = settings_.method;
    if (method == Method::automatic) {
        const auto session = co_await Session::open(context.connection, SessionKind::sql, services_.pools);
        const auto cluster = co_await ask_cluster(*session);
        const auto obstacle = co_await find_obstacle_to_files(*session, cluster, services_.pools);
        method = obstacle ? Method::stream : Method::files;
    }
    if (method == Method::stream) co_return co_await back_up_stream(std::move(context), sink);
    co_return co_await back_up_files(std::move(context), sink);
}

Task<ResolvedTarget> PostgresqlDriver::resolve(Target target, const BackupFacts& base, LogSource* log) {
    return resolve_target(std::move(target), base, log);
}

Task<RestoreOutlook> PostgresqlDriver::preview_restore(RestoreRequest request, RestoreSource& base, LogSource* log) {
    return preview_cluster(std::move(request), base, log, services_.pools);
}

Task<Restored> PostgresqlDriver::restore(RestoreRequest request, RestoreSource& base, LogSource* log) {
    return restore_cluster(std::move(request), base, log, services_.pools);
}

Task<> PostgresqlDriver::follow_log(std::optional<LogPosition> from, LogSink& sink) {
    return follower_.follow(std::move(from), sink);
}

Task<LogProbe> PostgresqlDriver::probe_log(std::string mark) { return follower_.probe(std::move(mark)); }

Task<> PostgresqlDriver::retire() { return follower_.retire(); }

Task<LogFile> PostgresqlDriver::identify_log_file(std::filesystem::path path) {
    const auto session = co_await Session::open(settings_.primary, SessionKind::replication, services_.pools);
    auto server = co_await ask_server_log(*session);
    co_return co_await identify_wal_file(std::move(path), std::move(server), services_.pools);
}

Task<bool> PostgresqlDriver::fetch_log_file(std::string name, std::filesystem::path to, LogSource& log) {
    return fetch_wal_file(std::move(name), std::move(to), log, services_.pools);
}

std::unique_ptr<Driver> make_driver(const SourceName& source, const Settings& settings, DriverServices services) {
    return std::make_unique<PostgresqlDriver>(source, settings, std::move(services));
}

}  // namespace varve::postgresql

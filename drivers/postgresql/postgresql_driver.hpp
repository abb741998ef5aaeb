/// The driver for PostgreSQL 13 to 18: base backups from files or over the replication protocol, the log record by record, and
/// restores to any transaction. See README.md for settings, rights, and what is and is not archived.
#pragma once

#include <memory>

#include "postgresql/follow.hpp"
#include "postgresql/source_settings.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

class PostgresqlDriver final : public Driver {
public:
    PostgresqlDriver(const SourceName& source, const Settings& settings, DriverServices services);

    DriverTraits traits() const noexcept override;
    std::string print_position(std::uint64_t at) const override;
    Task<SourceState> inspect() override;
    Task<BackupFacts> back_up(BackupRequest request, BackupSink& sink) override;
    Task<> follow_log(std::optional<LogPosition> from, LogSink& sink) override;
    Task<LogProbe> probe_log(std::string mark) override;
    Task<ResolvedTarget> resolve(Target target, const BackupFacts& base, LogSource* log) override;
    Task<RestoreOutlook> preview_restore(RestoreRequest request, RestoreSource& base, LogSource* log) override;
    Task<Restored> restore(RestoreRequest request, RestoreSource& base, LogSource* log) override;
    Task<> retire() override;
    Task<LogFile> identify_log_file(std::filesystem::path path) override;
    Task<bool> fetch_log_file(std::string name, std::filesystem::path to, LogSource& log) override;

private:
    SourceSettings settings_;
    DriverServices services_;
    Follower follower_;
};

/// For the registry. Fault::invalid when the settings cannot be understood; connects to nothing.
std::unique_ptr<Driver> make_driver(const SourceName& source, const Settings& settings, DriverServices services);

}  // namespace varve::postgresql

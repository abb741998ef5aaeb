#include "mysql/mysql_driver.hpp"

#include "mysql/base_backup.hpp"
#include "mysql/export_binlogs.hpp"
#include "mysql/follow.hpp"
#include "mysql/inspect.hpp"
#include "mysql/restore.hpp"
#include "mysql/restore_target.hpp"
#include "mysql/source_settings.hpp"
#include "varve/async.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

class MysqlDriver final : public Driver {
public:
    MysqlDriver(SourceSettings settings, SourceName source, DriverServices services)
        : source_{source},
          settings_{std::move(settings)},
          services_{std::move(services)},
          follower_{std::move(source), settings_, services_.state_dir, services_.pools} {}

    DriverTraits traits() const noexcept override { return {.has_log = true, .starts_restored = true, .log_has_files = true}; }
    std::string print_position_in(const Lineage& lineage, std::uint64_t at) const override { return print_place(lineage, at); }

    Task<SourceState> inspect() override { return inspect_source(settings_, follower_, tables_, services_.pools); }
    Task<BackupFacts> back_up(BackupRequest request, BackupSink& sink) override {
        BackupContext context{source_, settings_, services_, std::move(request)};
        return back_up_server(std::move(context), follower_, sink);
    }
    Task<> follow_log(std::optional<LogPosition> from, LogSink& sink) override { return follower_.follow(std::move(from), sink); }
    Task<LogProbe> probe_log(std::string mark) override { return follower_.probe(std::move(mark)); }

    Task<ResolvedTarget> resolve(Target target, const BackupFacts& base, LogSource* log) override {
        return resolve_target(std::move(target), base, log, settings_, services_);
    }
    Task<RestoreOutlook> preview_restore(RestoreRequest request, RestoreSource& base, LogSource* log) override {
        return preview_server(std::move(request), base, log, services_);
    }
    Task<Restored> restore(RestoreRequest request, RestoreSource& base, LogSource* log) override {
        return restore_server(std::move(request), base, log, services_);
    }

    Task<std::vector<ExportedFile>> export_log(std::filesystem::path to, LogSource& log) override {
        return export_binlogs(std::move(to), log, services_.pools);
    }

    Task<> retire() override { co_return; }  // nothing is held on a server that nobody follows

private:
    SourceName source_;
    SourceSettings settings_;
    DriverServices services_;
    Follower follower_;
    TablesCache tables_ = std::make_shared<std::optional<TablesSeen>>();
};

}  // namespace

std::unique_ptr<Driver> make_driver(const SourceName& source, const Settings& settings, DriverServices services) {
    return std::make_unique<MysqlDriver>(read_source_settings(settings), source, std::move(services));
}

}  // namespace varve::mysql

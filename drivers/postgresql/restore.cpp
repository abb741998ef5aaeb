#include "postgresql/restore.hpp"

#include <unistd.h>

#include <memory>
#include <optional>

#include "postgresql/lineage.hpp"
#include "postgresql/restore_config.hpp"
#include "postgresql/restore_files.hpp"
#include "postgresql/restore_log.hpp"
#include "postgresql/restore_plan.hpp"
#include "postgresql/restore_survey.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

const std::string& fact(const BackupFacts& facts, const std::string& name) {
    const auto found = facts.facts.find(name);
    if (found == facts.facts.end()) throw Error{Fault::corrupt, "the backup does not tell its " + name};
    return found->second;
}

/// The server's tools of the backup's version: as configured, as Debian has them, or by PATH.
fs::path tool(const RestoreRequest& request, const BackupFacts& facts, const std::string& name) {
    if (const auto folder = request.source.find_text("bin_dir")) return fs::path{*folder} / name;
    const auto major = std::stoi(fact(facts, "server_version_num")) / 10000;
    const auto debian = fs::path{"/usr/lib/postgresql"} / std::to_string(major) / "bin" / name;
    return fs::exists(debian) ? debian : fs::path{name};
}

class Restore {
public:
    Restore(RestoreRequest request, RestoreSource& base, LogSource* log, Pools& pools)
        : request_{std::move(request)}, base_{base}, log_{log}, pools_{pools} {}

    /// Everything that can be refused before a byte is written.
    Task<RestoreOutlook> examine() {
        if (!base_.facts().stop || !base_.facts().start)
            throw Error{Fault::corrupt, "the backup does not tell where its log begins and ends"};
        segment_bytes_ = std::stoull(fact(base_.facts(), "wal_segment_size"));
        plan_ = co_await make_restore_plan(request_, base_);
        (void)recovery_settings(orders_without_log());  // refuses unknown actions and targets
        if (log_ != nullptr) segments_ = segments_to_stage(*log_, *base_.facts().stop, until(), segment_bytes_);
        co_return co_await on_pool(pools_.blocking, [this] {
            check_directories(plan_);
            owner_ = find_owner(plan_, request_.owner);
            return choose_staging();
        });
    }

    Task<Restored> run() {
        const auto outlook = co_await examine();
        // The caller wrote the plan file for this, or did not.
        if (outlook.on_demand_log && !request_.on_demand_log)
            throw Error{Fault::refused, "the room for the staged log went while the restore was prepared"}.hint(
                "Run it again: the server then fetches its log as it recovers.");
        const auto survey = co_await stage();
        co_await on_pool(pools_.blocking, [this] { prepare_directories(plan_); });
        const auto held =
            co_await on_pool(pools_.blocking, [this] { return std::make_shared<HeldFilesystems>(directories_of(plan_)); });
        const auto outside = co_await read_outside_config();
        auto files = files_to_write(plan_);
        const auto written = co_await base_.write(std::move(files), plan_.mode);
        written.require_whole(unfinished());
        co_await on_pool(pools_.blocking, [this, &outside, &survey, &held] {
            const auto facts = with_limits(base_.facts().facts, survey.limits);
            const auto made = write_configuration(plan_, facts, outside, orders_without_log());
            finish_restore(plan_, owner_, made, *held);
        });
        Restored restored;
        restored.bytes_written = written.bytes;
        restored.next_step = next_step();
        co_return restored;
    }

private:
    std::optional<Lsn> until() const {
        if (!request_.target.position) return std::nullopt;
        return request_.target.position->at;
    }

    /// The log is staged when there is room for it, else fetched by the server, which needs the plan file.
    RestoreOutlook choose_staging() {
        RestoreOutlook outlook{.on_demand_log = request_.on_demand_log && log_ != nullptr, .notes = {}, .bytes = {}};
        auto shortage = find_shortage(plan_, outlook.on_demand_log ? 0 : segments_.size() * segment_bytes_);
        if (shortage && !outlook.on_demand_log && log_ != nullptr && !request_.plan_file.empty()) {
            shortage = find_shortage(plan_, 0);
            outlook.on_demand_log = true;
            outlook.notes.push_back("There is no room to stage " + std::to_string((segments_.size() * segment_bytes_) >> 20) +
                                    " MiB of log: the server fetches it as it recovers.");
        }
        if (shortage) throw *shortage;
        return outlook;
    }

    /// The log comes first: what it holds is looked at before the target is touched.
    Task<LogSurvey> stage() {
        co_await on_pool(pools_.blocking, [this] { prepare_staging(plan_); });
        const auto held = co_await on_pool(
            pools_.blocking, [this] { return std::make_shared<HeldFilesystems>(std::vector<fs::path>{plan_.staging()}); });
        const auto own = co_await base_.write(log_to_stage(plan_), WriteMode::create);
        own.require_whole(
            "The target was not touched. Heal what is damaged from another copy of the repository, or restore "
            "another backup: --backup ID.");
        const auto& stop = *base_.facts().stop;
        if (log_ != nullptr) co_await continue_last_segment(plan_, stop, *log_, segment_bytes_, pools_);
        const auto& target = request_.target.target;
        SurveyRequest request{.start = *base_.facts().start,
                              .stop = stop,
                              .until = until(),
                              .through_next = target.kind == Target::Kind::lsn && target.inclusive,
                              .segment_bytes = segment_bytes_};
        for (const auto& entry : plan_.log) request.staged.push_back(fs::path{entry.path}.filename());
        if (log_ != nullptr && request_.on_demand_log) {
            request.log = log_;
        } else if (log_ != nullptr) {
            co_await stage_log(plan_, segments_, *log_, pools_);
            request.staged.insert(request.staged.end(), segments_.begin(), segments_.end());
        }
        const auto survey = co_await survey_log(plan_, std::move(request), pools_);
        co_await on_pool(pools_.blocking, [this, &survey, &held] {
            held->sync();
            if (request_.as_production) return;
            try {
                refuse_foreign_tablespaces(plan_, survey);
            } catch (...) {
                fs::remove_all(plan_.staging());
                throw;
            }
        });
        co_return survey;
    }

    /// What to do after damage that was met when the target had been touched.
    std::string unfinished() const {
        return "No server starts on " + plan_.to.string() +
               " as it is. Heal what is damaged from another copy of the repository and restore again with --delta, or restore "
               "another backup: --backup ID.";
    }

    RecoveryOrders orders_without_log() const {
        RecoveryOrders orders;
        orders.target = request_.target.target;
        if (log_ == nullptr && orders.target.kind == Target::Kind::latest) orders.target.kind = Target::Kind::immediate;
        orders.action = request_.action;
        orders.timeline = log_ != nullptr && !log_->path().empty()
                              ? timeline_of(log_->path().back().lineage)
                              : static_cast<std::uint32_t>(std::stoul(fact(base_.facts(), "timeline")));
        orders.as_production = request_.as_production;
        const auto staging = plan_.staging();
        if (request_.on_demand_log && log_ != nullptr)
            orders.restore_command =
                fetching_command(staging, fs::read_symlink("/proc/self/exe"), fs::absolute(request_.plan_file));
        else
            orders.restore_command = copying_command(staging);
        // The staged log has done its work when recovery has ended; the placeholders' sign is doubled as in restore_command.
        orders.other.emplace_back("recovery_end_command", removing_command(staging));
        return orders;
    }

    Task<OutsideConfig> read_outside_config() {
        OutsideConfig outside;
        for (const auto& entry : plan_.config) {
            Bytes content;
            auto source = base_.open(entry);
            for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) append(content, block);
            outside[fs::path{"/" + entry.path.substr(std::string_view{"config/"}.size())}] = std::string{text_of(content)};
        }
        co_return outside;
    }

    std::string next_step() const {
        std::string command;
        if (owner_) command = "runuser -u " + owner_->user + " -- ";
        command += shell_quoted(tool(request_, base_.facts(), "pg_ctl").string()) + " -D " + shell_quoted(plan_.to.string());
        command += " -l " + shell_quoted((plan_.to / "recovery.log").string());
        if (!request_.as_production) command += " -o \"-p PORT\"";
        return "Start it: " + command + " -w -t 86400 start   (the server rolls forward to the target by itself)";
    }

    RestoreRequest request_;
    RestoreSource& base_;
    LogSource* log_;
    Pools& pools_;
    RestorePlan plan_;
    std::optional<Owner> owner_;
    std::vector<std::string> segments_;  ///< to stage
    std::uint64_t segment_bytes_ = 0;
};

}  // namespace

Task<RestoreOutlook> preview_cluster(RestoreRequest request, RestoreSource& base, LogSource* log, Pools& pools) {
    Restore restore{std::move(request), base, log, pools};
    co_return co_await restore.examine();
}

Task<Restored> restore_cluster(RestoreRequest request, RestoreSource& base, LogSource* log, Pools& pools) {
    Restore restore{std::move(request), base, log, pools};
    co_return co_await restore.run();
}

}  // namespace varve::postgresql

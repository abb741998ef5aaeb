#include "postgresql/restore.hpp"

#include <unistd.h>

#include <optional>

#include "postgresql/lineage.hpp"
#include "postgresql/restore_config.hpp"
#include "postgresql/restore_files.hpp"
#include "postgresql/restore_log.hpp"
#include "postgresql/restore_plan.hpp"
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

    Task<Restored> run() {
        if (!base_.facts().stop) throw Error{Fault::corrupt, "the backup does not tell where its log ends"};
        segment_bytes_ = std::stoull(fact(base_.facts(), "wal_segment_size"));
        plan_ = co_await make_restore_plan(request_, base_);
        const auto orders = orders_without_log();  // refuses unknown actions and targets while nothing is written
        (void)recovery_settings(orders);
        owner_ = co_await on_pool(pools_.blocking, [this] {
            check_directories(plan_);
            return find_owner(plan_, request_.owner);
        });
        co_await on_pool(pools_.blocking, [this] { prepare_directories(plan_); });
        const auto outside = co_await read_outside_config();
        auto files = files_to_write(plan_);
        auto written = co_await base_.write(std::move(files), plan_.mode);
        written += co_await put_log();
        co_await on_pool(pools_.blocking, [this, &outside, &orders] {
            write_configuration(plan_, base_.facts().facts, outside, orders);
            finish_restore(plan_, owner_);
        });
        Restored restored;
        restored.bytes_written = written;
        restored.next_step = next_step();
        co_return restored;
    }

private:
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

    Task<std::uint64_t> put_log() {
        if (log_ == nullptr) co_return 0;
        const auto& stop = *base_.facts().stop;
        co_await continue_last_segment(plan_, stop, *log_, segment_bytes_, pools_);
        if (request_.on_demand_log) co_return 0;
        std::optional<Lsn> until;
        if (request_.target.position) until = request_.target.position->at;
        co_return co_await stage_log(plan_, stop, until, *log_, segment_bytes_, pools_);
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
    std::uint64_t segment_bytes_ = 0;
};

}  // namespace

Task<Restored> restore_cluster(RestoreRequest request, RestoreSource& base, LogSource* log, Pools& pools) {
    Restore restore{std::move(request), base, log, pools};
    co_return co_await restore.run();
}

}  // namespace varve::postgresql

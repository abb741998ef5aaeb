#include "jobs/restore_job.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "jobs/hold_job.hpp"
#include "jobs/restore_resolve.hpp"
#include "jobs/wal_job.hpp"
#include "repository/pack_origin.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr std::chrono::milliseconds progress_pause{500};

Task<> report_until_stopped(Clock& clock, const Recall& recall, std::uint64_t total, const ReportProgress& report) {
    for (;;) {
        const auto progress = recall.progress();
        report({.what = "restore", .bytes_done = progress.bytes_written + progress.bytes_kept, .bytes_total = total, .files = 0});
        co_await clock.sleep_for(progress_pause);
    }
}

/// A plan with what reads the repository for it, looked at by the driver.
struct Prepared {
    RestorePlan plan;
    std::unique_ptr<RepositoryPackOrigin> origin;
    std::unique_ptr<Recall> recall;
    std::unique_ptr<LogSource> log;
    RestoreRequest request;
};

RestoreRequest request_of(const RestoreOrder& order, const RestorePlan& plan, const Source& source) {
    RestoreRequest request;
    request.to = order.to;
    request.into = order.into;
    request.into_password = order.into_password;
    request.target = plan.target;
    request.mode = order.mode;
    request.action = order.action;
    request.tablespaces = order.tablespaces;
    request.as_production = order.as_production;
    request.on_demand_log = order.on_demand_log;
    request.plan_file = order.plan_file;
    request.owner = order.owner;
    request.start = order.start;
    request.include = order.include;
    request.source = source.setup.settings;
    return request;
}

Task<Prepared> prepare(JobContext& context, Source& source, const RestoreOrder& order, RestorePlan planned) {
    Prepared prepared;
    prepared.plan = std::move(planned);
    const auto& plan = prepared.plan;
    prepared.origin = std::make_unique<RepositoryPackOrigin>(context.repository, source.setup.name);
    prepared.recall = recall_of(context, source, *prepared.origin, plan.base);
    if (!plan.path.empty()) prepared.log = make_log_source(context.repository, source.setup.name, plan.log, plan.path);
    prepared.request = request_of(order, plan, source);
    auto outlook = co_await source.driver->preview_restore(prepared.request, *prepared.recall, prepared.log.get());
    prepared.request.on_demand_log = outlook.on_demand_log;
    if (outlook.bytes) prepared.plan.bytes = *outlook.bytes;
    std::ranges::move(outlook.notes, std::back_inserter(prepared.plan.notes));
    co_return prepared;
}

}  // namespace

std::unique_ptr<Recall> recall_of(JobContext& context, const Source& source, PackOrigin& origin,
                                  const Repository::Manifest& manifest) {
    RecallPlan plan;
    plan.repository = context.repository.keys().repository;
    plan.keys = context.repository.opening(source.setup.name);
    plan.packs = packs_of(manifest.structure);
    plan.content = *manifest.content;
    plan.facts = facts_of(manifest);
    plan.memory_max = source.setup.memory_max;
    // The list of a large tree does not belong into a small /tmp; somebody who restores elsewhere may have no other place.
    const auto& state_dir = source.setup.state_dir;
    if (!state_dir.empty() && ::access(state_dir.c_str(), W_OK | X_OK) == 0) plan.scratch = state_dir;
    return std::make_unique<Recall>(context.pools, origin, std::move(plan));
}

Task<RestorePlan> plan_restore(JobContext& context, Source& source, const RestoreOrder& order,
                               std::optional<Instant> known_through) {
    if (!order.include.empty() && !source.driver->traits().restores_parts)
        throw Error{Fault::unsupported, "a " + source.setup.driver + " source is restored as a whole: --include is for files"}
            .hint("Leave --include out. Single files of the backup are had with varve cat.");
    const auto view = co_await read_archive(context, source, known_through);
    auto found = co_await resolve(context, source, order, view);
    RestorePlan plan;
    plan.bytes = found.base.structure.bytes_source();
    plan.base = std::move(found.base);
    plan.facts = std::move(found.facts);
    plan.target = std::move(found.target);
    plan.path = std::move(found.choice.path);
    plan.notes = std::move(found.choice.notes);
    plan.log = view.log;
    co_return plan;
}

Task<RestorePlan> rehearse_restore(JobContext& context, Source& source, const RestoreOrder& order,
                                   std::optional<Instant> known_through) {
    auto planned = co_await plan_restore(context, source, order, known_through);
    auto prepared = co_await prepare(context, source, order, std::move(planned));
    co_return std::move(prepared.plan);
}

Task<RestoreReport> run_restore(JobContext& context, Source& source, RestoreOrder order, ReportProgress report,
                                std::optional<Instant> known_through) {
    const auto began = std::chrono::steady_clock::now();
    auto planned = co_await plan_restore(context, source, order, known_through);
    const ReadSubject subject{.source = source.setup.name, .backup = planned.base.name, .path = planned.path, .log = planned.log};
    co_await hold_for_restore(context, subject);
    auto prepared = co_await prepare(context, source, order, std::move(planned));
    const auto& plan = prepared.plan;
    for (const auto& note : plan.notes) log(LogLevel::warning, source.setup.name.text(), note);
    log(LogLevel::info, source.setup.name.text(),
        "restoring " + plan.base.name.id.text() + (order.into.empty() ? " to " + order.to.string() : " into " + order.into) +
            ": " + plan.target.explanation);

    // Only now: the file may be that of a server which is still recovering, and then its directory was refused.
    if (prepared.request.on_demand_log)
        write_fetch_plan(order.plan_file,
                         {.source = source.setup.name, .config = order.config_file, .path = plan.path, .log = plan.log});

    RestoreReport done;
    done.base = plan.base.name;
    done.target = plan.target;
    done.notes = plan.notes;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(keep_holding(context, subject));
        if (report) group.spawn(report_until_stopped(context.clock, *prepared.recall, plan.bytes, report));
        done.restored = co_await source.driver->restore(std::move(prepared.request), *prepared.recall, prepared.log.get());
        group.request_stop();
    };
    co_await in_group(body);
    done.read = prepared.recall->progress();
    done.duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    co_return done;
}

}  // namespace varve

#include "jobs/restore_job.hpp"

#include "jobs/wal_job.hpp"
#include "repository/pack_origin.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr std::chrono::milliseconds progress_pause{500};

bool not_recoverable(const Error& error) { return error.code_word() == "point_not_recoverable"; }

/// Times and positions that policy understands by itself; the others only the driver can find in the log.
std::optional<ChoiceTarget> choice_of(const RestoreOrder& order) {
    ChoiceTarget choice;
    choice.backup = order.backup;
    switch (order.target.kind) {
        case Target::Kind::latest:
            choice.kind = ChoiceTarget::Kind::latest;
            return choice;
        case Target::Kind::immediate:
            choice.kind = ChoiceTarget::Kind::immediate;
            return choice;
        case Target::Kind::time:
            choice.kind = ChoiceTarget::Kind::time;
            choice.time = order.target.time;
            return choice;
        default:
            return std::nullopt;
    }
}

struct Resolution {
    Repository::Manifest base;
    BackupFacts facts;
    RestoreChoice choice;
    ResolvedTarget target;
};

/// One base and its path, and what the driver makes of the target there.
Task<Resolution> resolve_on(JobContext& context, Source& source, const RestoreOrder& order, const ArchiveView& view,
                            RestoreChoice choice) {
    Resolution found;
    found.base = co_await context.repository.manifest(source.setup.name, view.backup(choice.base).name);
    if (!found.base.content)
        throw Error{Fault::denied, "the keys held here open the structure of backups, not their content"}
            .code("wrong_key", 12)
            .hint("Restore where the restore key or the recovery kit is, or name it with keys = \"file:…\".");
    found.facts = facts_of(found.base);
    std::unique_ptr<LogSource> log;
    if (!choice.path.empty()) log = make_log_source(context.repository, source.setup.name, view.log, choice.path);
    found.target = co_await source.driver->resolve(order.target, found.facts, log.get());
    found.choice = std::move(choice);
    co_return found;
}

/// Without log behind the base, a newer backup that is damaged would have been the answer: an older state must not pass for it.
/// With log, the instant that is reached is the same from any base, and a note is enough.
void mind_damaged(const RestoreOrder& order, const ArchiveView& view, RestoreChoice& choice) {
    const auto& base = view.backup(choice.base);
    for (const auto& damaged : view.damaged) {
        const bool newer = damaged.name.start > base.name.start;
        const bool too_new = order.target.time && damaged.name.start > *order.target.time;
        if (order.backup || !newer || too_new) continue;
        if (choice.path.empty()) throw damaged.error;
        choice.notes.push_back("Backup " + damaged.name.id.text() +
                               " is damaged and was passed over: " + damaged.error.sentence());
    }
}

/// A name, transaction or position may lie after any base: the newest base from which it is reached is the cheapest.
Task<Resolution> resolve_newest(JobContext& context, Source& source, const RestoreOrder& order, const ArchiveView& view,
                                std::optional<LineageName> lineage) {
    std::optional<Error> first_refusal;
    for (const auto& backup : view.backups) {
        if (order.backup && backup.name.id != *order.backup) continue;
        try {
            ChoiceTarget latest{
                .kind = ChoiceTarget::Kind::latest, .time = {}, .position = 0, .backup = backup.name.id, .lineage = lineage};
            auto choice = choose_restore(view.content, latest, context.clock.now());
            co_return co_await resolve_on(context, source, order, view, std::move(choice));
        } catch (const Error& error) {
            if (!not_recoverable(error)) throw;
            if (!first_refusal) first_refusal = error;
        }
    }
    if (first_refusal) throw *first_refusal;
    throw Error{Fault::missing, "there is no backup of " + source.setup.name.text()}
        .code("point_not_recoverable", 22)
        .hint("Take one with: varve backup run " + source.setup.name.text());
}

Task<Resolution> resolve(JobContext& context, Source& source, const RestoreOrder& order, const ArchiveView& view) {
    if (order.backup) view.require_whole(*order.backup);
    if (view.backups.empty() && !view.damaged.empty()) throw view.damaged.front().error;
    std::optional<LineageName> lineage;
    if (!order.timeline.empty() && order.timeline != "latest") {
        lineage = find_lineage(view.content, order.timeline);
        if (!lineage)
            throw Error{Fault::missing, "the archive has no timeline " + order.timeline}
                .code("point_not_recoverable", 22)
                .hint("varve log list " + source.setup.name.text() + " shows the ones that there are.");
    }
    auto choice = choice_of(order);
    if (!choice) co_return co_await resolve_newest(context, source, order, view, lineage);
    choice->lineage = lineage;
    auto chosen = choose_restore(view.content, *choice, context.clock.now());
    mind_damaged(order, view, chosen);
    co_return co_await resolve_on(context, source, order, view, std::move(chosen));
}

void require_space(const RestorePlan& plan, const RestoreOrder& order) {
    const auto free = free_bytes(order.to);
    if (order.mode == WriteMode::delta || free >= plan.bytes) return;
    throw Error{Fault::refused, order.to.string() + " has " + std::to_string(free >> 20) + " MiB free, and the restore writes " +
                                    std::to_string(plan.bytes >> 20) + " MiB"}
        .hint("Free space there, or restore to another filesystem. Nothing was written.");
}

Task<> report_until_stopped(Clock& clock, const Recall& recall, std::uint64_t total, const ReportProgress& report) {
    for (;;) {
        const auto progress = recall.progress();
        report({.what = "restore", .bytes_done = progress.bytes_written + progress.bytes_kept, .bytes_total = total, .files = 0});
        co_await clock.sleep_for(progress_pause);
    }
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
    return std::make_unique<Recall>(context.pools, origin, std::move(plan));
}

Task<RestorePlan> plan_restore(JobContext& context, Source& source, const RestoreOrder& order,
                               std::optional<Instant> known_through) {
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

Task<RestoreReport> run_restore(JobContext& context, Source& source, RestoreOrder order, ReportProgress report,
                                std::optional<Instant> known_through) {
    const auto began = std::chrono::steady_clock::now();
    const auto plan = co_await plan_restore(context, source, order, known_through);
    require_space(plan, order);
    for (const auto& note : plan.notes) log(LogLevel::warning, source.setup.name.text(), note);
    log(LogLevel::info, source.setup.name.text(),
        "restoring " + plan.base.name.id.text() + " to " + order.to.string() + ": " + plan.target.explanation);

    RepositoryPackOrigin origin{context.repository, source.setup.name};
    const auto recall = recall_of(context, source, origin, plan.base);
    std::unique_ptr<LogSource> log_source;
    if (!plan.path.empty()) log_source = make_log_source(context.repository, source.setup.name, plan.log, plan.path);

    RestoreRequest request;
    request.to = order.to;
    request.target = plan.target;
    request.mode = order.mode;
    request.action = order.action;
    request.tablespaces = order.tablespaces;
    request.as_production = order.as_production;
    request.on_demand_log = order.on_demand_log;
    request.plan_file = order.plan_file;
    request.owner = order.owner;
    request.source = source.setup.settings;

    if (order.on_demand_log)
        write_fetch_plan(order.plan_file,
                         {.source = source.setup.name, .config = order.config_file, .path = plan.path, .log = plan.log});

    RestoreReport done;
    done.base = plan.base.name;
    done.target = plan.target;
    done.notes = plan.notes;
    auto body = [&](TaskGroup& group) -> Task<> {
        if (report) group.spawn(report_until_stopped(context.clock, *recall, plan.bytes, report));
        done.restored = co_await source.driver->restore(std::move(request), *recall, log_source.get());
        group.request_stop();
    };
    co_await in_group(body);
    done.read = recall->progress();
    done.duration = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
    co_return done;
}

}  // namespace varve

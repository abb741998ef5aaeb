#include "app/commands.hpp"
#include "jobs/restore_job.hpp"
#include "jobs/wal_job.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

RestoreOrder order_of(App& app, const cli::RestoreOptions& options) {
    if (options.into && app.source(options.source).setup.driver != "mysql")
        throw Error{Fault::unsupported, "--into is for logical backups of MySQL and MariaDB"}.hint(
            "Restore to a new directory with --to.");
    if (options.start && !app.source(options.source).driver->traits().starts_restored)
        throw Error{Fault::invalid, "--start is not in this build for the driver " + app.source(options.source).setup.driver}
            .hint("Leave it out; the answer's next step tells how the server is started.");
    RestoreOrder order;
    order.target = options.target;
    // Everything but that one transaction: as far as the archive reaches.
    if (options.skip_gtid) order.target = {.kind = Target::Kind::latest, .text = {}, .time = {}, .without = options.target.text};
    order.into = options.into.value_or("");
    order.into_password = options.into_password.value_or("");
    order.backup = options.backup;
    order.timeline = options.timeline;
    if (options.to) order.to = std::filesystem::absolute(*options.to).lexically_normal();
    order.mode = options.delta ? WriteMode::delta : WriteMode::create;
    order.action = options.action;
    order.tablespaces = options.tablespaces;
    order.as_production = options.as_production;
    order.on_demand_log = options.on_demand_wal;
    order.owner = options.owner;
    order.start = options.start;
    order.include = options.include;
    if (options.to) order.plan_file = order.to.string() + ".varve-plan.json";
    order.config_file = std::filesystem::absolute(app.config().file);
    return order;
}

/// The service may know more than the archive shows: that nothing was committed since the last object.
Task<std::optional<Instant>> ask_known_through(App& app, SourceName source) {
    try {
        const auto reply = co_await call_service(app.config().service.socket, "log known", {{"source", source.text()}});
        if (!reply || !reply->value("ok", false) || (*reply)["result"]["through"].is_null()) co_return std::nullopt;
        co_return from_rfc3339((*reply)["result"]["through"].get<std::string>());
    } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        log_failure(LogLevel::debug, source.text(), error);
    }
    co_return std::nullopt;
}

std::vector<cli::PathRow> rows_of(const Driver& driver, const LineagePath& path) {
    std::vector<cli::PathRow> rows;
    for (const auto& stretch : path)
        rows.push_back({.lineage = stretch.lineage.name,
                        .from = driver.print_position_in(stretch.lineage, stretch.from),
                        .to = driver.print_position_in(stretch.lineage, stretch.to)});
    return rows;
}

cli::RestorePlanResult result_of(const Source& source, const cli::RestoreOptions& options, const RestoreOrder& order,
                                 const RestorePlan& plan) {
    cli::RestorePlanResult result;
    result.source = options.source;
    result.base = plan.base.name.id;
    result.base_start_time = from_format(plan.base.structure.start_time());
    result.base_stop_time = from_format(plan.base.structure.stop_time());
    result.target_requested = cli::words_of(options.target, options.backup);
    if (plan.target.position) result.target_position = plan.target.position->text;
    result.explanation = plan.target.explanation;
    result.path = rows_of(*source.driver, plan.path);
    result.bytes = plan.bytes;
    result.to = order.into.empty() ? order.to.string() : order.into;
    result.notes = plan.notes;
    return result;
}

}  // namespace

Task<cli::RestorePlanResult> plan_restore(App& app, cli::RestorePlanRequest request) {
    auto& source = app.source(request.options.source);
    const auto order = order_of(app, request.options);
    const auto plan = co_await plan_restore(app.jobs(), source, order, co_await ask_known_through(app, request.options.source));
    auto result = result_of(source, request.options, order, plan);
    if (!order.include.empty())
        result.notes.emplace_back("Only what --include means is written; restore run --dry-run looks for it and tells how much.");
    co_return result;
}

Task<cli::RestorePlanResult> rehearse_restore(App& app, cli::RestoreRunRequest request) {
    auto& source = app.source(request.options.source);
    const auto order = order_of(app, request.options);
    const auto plan =
        co_await rehearse_restore(app.jobs(), source, order, co_await ask_known_through(app, request.options.source));
    co_return result_of(source, request.options, order, plan);
}

Task<cli::RestoreRunResult> run_restore(App& app, cli::RestoreRunRequest request, ReportProgress report) {
    auto& source = app.source(request.options.source);
    auto order = order_of(app, request.options);
    const auto done = co_await run_restore(app.jobs(), source, order, std::move(report),
                                           co_await ask_known_through(app, request.options.source));
    cli::RestoreRunResult result;
    result.source = request.options.source;
    result.base = done.base.id;
    result.target_requested = cli::words_of(request.options.target, request.options.backup);
    // A server that rolls forward by itself will stop where the plan says.
    const auto& reached = done.restored.reached ? done.restored.reached : done.target.position;
    if (reached) result.target_reached = reached->text.empty() ? source.driver->print_position(reached->at) : reached->text;
    result.to = order.into.empty() ? order.to.string() : order.into;
    result.bytes_written = done.restored.bytes_written;
    result.bytes_kept = done.read.bytes_kept;
    result.duration = done.duration;
    result.next_step = done.restored.next_step;
    result.notes = done.notes;
    co_return result;
}

}  // namespace varve

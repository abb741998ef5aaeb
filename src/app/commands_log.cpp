#include "app/commands.hpp"
#include "jobs/log_gaps.hpp"
#include "jobs/wal_job.hpp"
#include "varve/error.hpp"

namespace varve {

Task<cli::LogFollowResult> follow_log(App& app, cli::LogFollowRequest request) {
    auto& source = app.source(request.source);
    if (!source.driver->traits().has_log) throw Error{Fault::invalid, request.source.text() + " has no log to follow"};
    LogFollower follower{app.jobs(), source, co_await asio::this_coro::executor};
    cli::LogFollowResult result{.source = request.source, .lineage = {}, .position = {}, .caught_up = false, .gaps = 0};
    const auto persist = request.until_caught_up ? LogFollower::Persist::no : LogFollower::Persist::yes;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(follower.run(persist));
        if (request.until_caught_up) {
            co_await follower.caught_up();
            result.caught_up = true;
            group.request_stop();
        }
        co_await group.join();
    };
    std::exception_ptr failure;
    try {
        co_await in_group(body);
    } catch (...) {
        failure = std::current_exception();
    }
    // A stop on request is how following ends: what was stored by then is the answer.
    if (failure && !(is_stop(failure) && !request.until_caught_up)) std::rethrow_exception(failure);
    const auto state = follower.state();
    if (state.durable) {
        result.lineage = state.durable->lineage;
        result.position = state.durable->text;
    }
    result.gaps = state.gaps;
    co_return result;
}

Task<cli::LogListResult> list_log(App& app, cli::LogListRequest request) {
    const auto& driver = *app.source(request.source).driver;
    const auto catalog = co_await LogCatalog::read(app.jobs().repository, request.source);
    cli::LogListResult result{.source = request.source, .lineages = {}};
    for (const auto& log : catalog.lineages()) {
        cli::LineageRow row{.name = log.lineage.name, .parent = {}, .stretches = {}};
        if (log.lineage.parent) row.parent = log.lineage.parent->text + " of " + log.lineage.parent->lineage.text();
        for (const auto& stretch : log.stretches) {
            cli::StretchRow shown{.from = driver.print_position_in(log.lineage, stretch.from),
                                  .to = driver.print_position_in(log.lineage, stretch.to),
                                  .last_commit = stretch.last_commit,
                                  .stored_at = stretch.stored_at,
                                  .objects = stretch.objects.size(),
                                  .bytes_stored = 0};
            for (const auto& object : stretch.objects) shown.bytes_stored += object.size;
            row.stretches.push_back(std::move(shown));
        }
        result.lineages.push_back(std::move(row));
    }
    co_return result;
}

Task<cli::LogGapsResult> list_gaps(App& app, cli::LogGapsRequest request) {
    const auto& driver = *app.source(request.source).driver;
    std::vector<LogGap> noted;
    for (const auto& note : co_await app.jobs().repository.notes(request.source)) {
        if (note.kind() != "gap") continue;
        noted.push_back({.lineage = LineageName{note.lineage()},
                         .from = note.from_position(),
                         .to = note.to_position(),
                         .time = from_format(note.time()),
                         .reason = note.reason()});
    }
    const auto catalog = co_await LogCatalog::read(app.jobs().repository, request.source);
    cli::LogGapsResult result{.source = request.source, .gaps = {}};
    const auto printed = [&](const LogGap& gap, std::uint64_t at) {
        const auto* log = catalog.find(gap.lineage);
        return log == nullptr ? driver.print_position(at) : driver.print_position_in(log->lineage, at);
    };
    for (const auto& gap : log_gaps(noted, catalog.lineages()))
        result.gaps.push_back({.lineage = gap.lineage,
                               .from = printed(gap, gap.from),
                               .to = printed(gap, gap.to),
                               .time = gap.time,
                               .reason = gap.reason});
    co_return result;
}

namespace {

/// What lies end to end from where the lineage begins.
LineageStretch from_its_begin(const LineageLog& log) {
    for (const auto& stretch : log.stretches)
        if (stretch.from <= log.lineage.begins_at) return {log.lineage, log.lineage.begins_at, stretch.to};
    throw Error{Fault::missing, "the begin of " + log.lineage.name.text() + " is not archived"};
}

}  // namespace

Task<cli::LogExportResult> export_log(App& app, cli::LogExportRequest request) {
    auto& driver = *app.source(request.source).driver;
    auto catalog = co_await LogCatalog::read(app.jobs().repository, request.source);
    const auto tip = catalog.tip();
    if (!request.lineage && !tip) throw Error{Fault::missing, "no log of " + request.source.text() + " is archived yet"};
    const auto name = request.lineage ? *request.lineage : tip->lineage.name;
    const auto* archived = catalog.find(name);
    catalog.require_readable(name);
    if (archived == nullptr)
        throw Error{Fault::missing, "the archive has no log of " + name.text()}.hint("varve log list shows which there are.");
    LineagePath path{from_its_begin(*archived)};
    const auto log = make_log_source(app.jobs().repository, request.source, std::move(catalog), std::move(path));
    cli::LogExportResult result{.source = request.source, .lineage = name, .files = {}};
    for (const auto& file : co_await driver.export_log(std::filesystem::absolute(request.to), *log))
        result.files.push_back({.name = file.name, .bytes = file.bytes});
    co_return result;
}

cli::WalPushResult pushed_of(const SourceName& source, const std::filesystem::path& file, const PushReport& report) {
    cli::WalPushResult result{
        .source = source, .file = file.filename().string(), .outcome = {}, .lineage = LineageName{report.lineage}};
    switch (report.outcome) {
        case PushReport::Outcome::already_archived:
            result.outcome = "already_archived";
            break;
        case PushReport::Outcome::stored:
            result.outcome = "stored";
            break;
        case PushReport::Outcome::forked:
            result.outcome = "forked";
            break;
        case PushReport::Outcome::not_needed:
            result.outcome = "not_needed";
            break;
    }
    return result;
}

Task<cli::WalFetchResult> fetch_wal(App& app, cli::WalFetchRequest request) {
    std::optional<FetchPlan> plan;
    if (request.plan) plan = read_fetch_plan(*request.plan);
    const auto source = plan ? plan->source : *request.source;
    const bool found = co_await fetch_log_file(app.jobs(), app.source(source), std::move(plan), request.name, request.to);
    co_return cli::WalFetchResult{.name = request.name, .found = found};
}

}  // namespace varve

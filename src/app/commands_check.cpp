#include <algorithm>

#include "app/commands.hpp"
#include "jobs/check_job.hpp"
#include "jobs/status_job.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

std::vector<Source*> sources_of(App& app, const std::optional<SourceName>& one) {
    if (one) return {&app.source(*one)};
    return app.sources();
}

cli::RepositoryCheckRow row_of(const RepositoryCheck& check) {
    return {.name = check.name,
            .required = check.required,
            .ok = !has_errors(check.findings),
            .clock_skew = check.clock_skew,
            .findings = check.findings};
}

cli::SourceCheckRow row_of(const Source& source, const SourceCheck& check) {
    cli::SourceCheckRow row;
    row.name = check.source;
    row.driver = source.setup.driver;
    row.identity = check.identity;
    row.version = check.version;
    row.ok = !has_errors(check.findings);
    row.findings = check.findings;
    if (check.round_trip) {
        row.round_trip_position = check.round_trip->text;
        row.round_trip = check.round_trip_time;
    }
    return row;
}

cli::State state_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok:
            return cli::State::ok;
        case Verdict::warning:
            return cli::State::warning;
        case Verdict::failed:
            return cli::State::failed;
        case Verdict::unknown:
            return cli::State::unknown;
    }
    throw Error{Fault::defect, "unknown verdict"};
}

cli::SourceRow row_of(const Source& source, const SourceStatus& status) {
    cli::SourceRow row;
    row.name = status.source;
    row.driver = status.driver;
    row.state = state_of(status.verdict);
    row.reason = status.reason;
    if (!status.remedy.empty()) row.next_actions.push_back(status.remedy);
    if (status.last_backup) {
        const auto& structure = status.last_backup->structure;
        row.last_backup = cli::BackupSummary{.id = status.last_backup->name.id,
                                             .stop_time = from_format(structure.stop_time()),
                                             .bytes_source = structure.bytes_source(),
                                             .bytes_stored = structure.bytes_stored()};
    }
    if (status.has_log) {
        row.log.emplace();
        row.log->position = status.log_position;
        for (const auto& [name, copy] : status.durable)
            row.log->durable[name] = {.position = copy.position, .time = copy.time, .lag = copy.lag, .problem = copy.problem};
    }
    for (const auto& window : status.windows)
        row.recovery_windows.push_back({.from = window.from, .to = window.to, .lineage = window.lineage});
    for (const auto& hole : status.gaps)
        row.gaps.push_back({.lineage = hole.lineage,
                            .from = source.driver->print_position(hole.from),
                            .to = source.driver->print_position(hole.to),
                            .time = hole.last_commit_before,
                            .reason = hole.reason});
    row.next_backup = status.next_backup;
    row.backing_up = status.service && status.service->backing_up;
    return row;
}

}  // namespace

Task<cli::CheckResult> check(App& app, cli::CheckRequest request, Service* service) {
    cli::CheckResult result;
    for (const auto& copy : co_await check_repositories(app.jobs())) result.repositories.push_back(row_of(copy));
    for (auto* source : sources_of(app, request.source)) {
        const auto follower = service != nullptr ? service->follower(source->setup.name.text()) : nullptr;
        const auto checked = co_await check_source(app.jobs(), *source, follower.get());
        result.sources.push_back(row_of(*source, checked));
    }
    co_return result;
}

Task<cli::StatusResult> status(App& app, cli::StatusRequest request, StatusBoard* board) {
    cli::StatusResult result{.sources = {}, .service = board != nullptr, .now = app.runtime().clock().now()};
    for (auto* source : sources_of(app, request.source)) {
        SourceStatus status;
        if (board != nullptr && board->has(source->setup.name))
            status = co_await board->look(source->setup.name);
        else
            status = co_await status_of(app.jobs(), *source, std::nullopt);
        result.sources.push_back(row_of(*source, status));
    }
    co_return result;
}

}  // namespace varve

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

const ServedState* find_state(const std::vector<ServedState>& states, const SourceName& name) {
    const auto found = std::ranges::find(states, name.text(), &ServedState::name);
    return found == states.end() ? nullptr : &*found;
}

/// What the service's follower knows, per copy: a required copy is as old as the log that waits for all of them. Of another copy
/// only the newest object is known: while it is behind, nobody knows since when.
ServiceView view_of(const ServedState& state, const Copies& copies, Instant now) {
    ServiceView view{.follows = state.follows,
                     .connected = state.log.connected,
                     .backing_up = state.backing_up,
                     .log_problem = state.log.problem,
                     .log_remedy = state.log.remedy,
                     .backup_problem = state.last_backup_problem,
                     .durable_through = state.log.durable_through,
                     .durable = {},
                     .next_backup = state.next_backup,
                     .gaps = state.log.gaps};
    const auto lag = state.log.waiting_since ? now - *state.log.waiting_since : std::chrono::microseconds{0};
    for (const auto& [name, position] : state.log.copies.durable) {
        auto& copy = view.durable[name];
        copy.position = position.text;
        copy.time = state.log.copies.durable_since.at(name);
    }
    for (const auto& [name, problem] : state.log.copies.failing) view.durable[name].problem = problem;
    for (const auto& configured : copies.all()) {
        const auto shown = view.durable.find(configured.name);
        if (shown == view.durable.end()) continue;
        auto& copy = shown->second;
        copy.required = configured.required;
        const bool newest = state.log.durable && copy.position == state.log.durable->text;
        if (copy.required || (newest && copy.problem.empty())) copy.lag = lag;
    }
    return view;
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

cli::SourceRow row_of(const Source& source, const SourceStatus& status, bool has_log) {
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
    if (has_log) {
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

Task<cli::StatusResult> status(App& app, cli::StatusRequest request, Service* service) {
    const auto now = app.runtime().clock().now();
    cli::StatusResult result{.sources = {}, .service = service != nullptr, .now = now};
    const auto states = service != nullptr ? service->states() : std::vector<ServedState>{};
    for (auto* source : sources_of(app, request.source)) {
        std::optional<ServiceView> view;
        const auto* state = find_state(states, source->setup.name);
        if (state != nullptr) view = view_of(*state, app.jobs().repository.copies(), now);
        const auto status = co_await status_of(app.jobs(), *source, view);
        const bool has_log = source->driver->traits().has_log && source->setup.log != LogRoute::off;
        auto row = row_of(*source, status, has_log);
        row.backing_up = state != nullptr && state->backing_up;
        result.sources.push_back(std::move(row));
    }
    co_return result;
}

}  // namespace varve

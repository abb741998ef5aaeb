#include "jobs/check_job.hpp"

#include "jobs/backup_job.hpp"
#include "repository/config_check.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

constexpr std::chrono::minutes skew_max{5};

Finding finding_of(const Error& error) {
    return {.level = Finding::Level::error, .what = error.sentence(), .remedy = error.remedy()};
}

Task<RepositoryCheck> check_copy(JobContext& context, const Copy& copy) {
    RepositoryCheck check{.name = copy.name, .required = copy.required, .findings = {}};
    try {
        const auto theirs = co_await copy.store->now();
        check.clock_skew = theirs - context.clock.now();
        if (std::chrono::abs(check.clock_skew) > skew_max)
            check.findings.push_back({.level = Finding::Level::error,
                                      .what = "its clock and this host's differ by more than five minutes",
                                      .remedy = "Set both by NTP: expiry is measured on the store's clock."});
        if (!copy.store->traits().creates_if_absent)
            check.findings.push_back({.level = Finding::Level::info,
                                      .what = "it does not refuse a second object under one name",
                                      .remedy = "Nothing is needed: names end in the hash of the bytes."});
        for (auto& trouble : co_await config_troubles(context.repository, copy))
            check.findings.push_back({.level = Finding::Level::error,
                                      .what = std::move(trouble),
                                      .remedy = "Look whether the right store is in this place; bring a lost config back with: "
                                                "varve init --copy " +
                                                copy.name.text()});
    } catch (const Error& error) {
        check.findings.push_back(finding_of(error));
    }
    co_return check;
}

/// A mark in the server's log, then its way to every required copy.
Task<> prove_round_trip(JobContext& context, Source& source, LogFollower& follower, std::chrono::microseconds patience,
                        SourceCheck& check) {
    const auto began = std::chrono::steady_clock::now();
    check.round_trip = co_await set_mark(context, source, follower, "varve check", patience);
    check.round_trip_time = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
}

/// Why no mark is sent round, and what would let it be.
Finding untried(LogRoute route) {
    if (route == LogRoute::push)
        return {.level = Finding::Level::warning,
                .what = "the round trip was not tried: its log is handed over by the server and not followed",
                .remedy = "Let the server switch its log, and look whether varve log list shows the new segment."};
    return {.level = Finding::Level::warning,
            .what = "the round trip was not tried: no service follows its log now",
            .remedy = "Start the service (varve serve), then run varve check again."};
}

}  // namespace

Task<LogPosition> set_mark(JobContext& context, Source& source, LogFollower& follower, std::string name,
                           std::chrono::microseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    const auto probe = co_await source.driver->probe_log(std::move(name));
    for (;;) {
        co_await follower.seal();
        const auto state = follower.state();
        if (covers(state.durable, probe.written)) co_return probe.written;
        if (std::chrono::steady_clock::now() > until)
            throw Error{Fault::overloaded, "the log up to " + probe.written.text + " was not durable within " +
                                               std::to_string(patience.count() / 1'000'000) + " s" +
                                               (state.problem.empty() ? "" : ": " + state.problem)}
                .hint(state.remedy.empty() ? "Look at varve status for the repository that is behind." : state.remedy);
        co_await context.clock.sleep_for(std::chrono::milliseconds{50});
    }
}

bool covers(const std::optional<LogPosition>& durable, const LogPosition& wanted) {
    return durable && (wanted.lineage.empty() || durable->lineage == wanted.lineage) && durable->at >= wanted.at;
}

bool has_errors(const std::vector<Finding>& findings) {
    return std::ranges::any_of(findings, [](const Finding& finding) { return finding.level == Finding::Level::error; });
}

Task<std::vector<RepositoryCheck>> check_repositories(JobContext& context) {
    std::vector<RepositoryCheck> checks;
    for (const auto& copy : context.repository.copies().all()) checks.push_back(co_await check_copy(context, copy));
    co_return checks;
}

Task<SourceCheck> check_source(JobContext& context, Source& source, LogFollower* follower, std::chrono::microseconds patience) {
    SourceCheck check{.source = source.setup.name, .identity = {}, .version = {}, .findings = {}, .round_trip = {}};
    try {
        const auto state = co_await source.driver->inspect();
        check.identity = state.identity;
        check.version = state.version;
        check.findings = state.findings;
        co_await require_same_identity(context, source, state);
        if (!source.driver->traits().has_log || source.setup.log == LogRoute::off) co_return check;
        if (follower != nullptr && !has_errors(check.findings)) {
            co_await prove_round_trip(context, source, *follower, patience, check);
        } else if (follower == nullptr) {
            check.findings.push_back(untried(source.setup.log));
        }
    } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        check.findings.push_back(finding_of(error));
    }
    co_return check;
}

}  // namespace varve

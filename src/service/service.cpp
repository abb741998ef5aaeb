#include "service/service.hpp"

#include <systemd/sd-daemon.h>

#include <algorithm>

#include "jobs/archive_view.hpp"
#include "policy/backoff.hpp"
#include "policy/base_need.hpp"
#include "policy/schedule.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// A base that is needed outside of the schedule.
struct BaseWish {
    std::string reason;                ///< empty: nobody asked, the archive itself is to be looked at
    std::optional<LogPosition> after;  ///< the log was archived up to here when the wish arose
};

/// A source in the service.
struct Served {
    Served(ServedSource given, asio::any_io_executor executor) : plan{std::move(given)}, wake{executor} {}

    ServedSource plan;
    std::shared_ptr<LogFollower> follower;       ///< commands may still hold the one before it
    std::optional<Error> follow_failure;         ///< why the follower before this one ended
    Signal wake;                                 ///< a base is needed, or the schedule changed
    std::optional<BaseWish> wish;                ///< a base is needed at once
    std::optional<BaseWish> doubt;               ///< it may be: the archive tells when it has newer log
    std::optional<LineageName> followed_before;  ///< the lineage that was looked at last
    bool backing_up = false;
    std::string last_problem;
    BackupTally backups;
    std::optional<Instant> next_backup;

    Source& source() const { return *plan.source; }
    const std::string& name() const { return plan.source->setup.name.text(); }
    bool has_log() const { return source().driver->traits().has_log && source().setup.log != LogRoute::off; }
};

bool shows_log_after(const ArchiveView& view, const std::optional<LogPosition>& after) {
    const auto tip = view.log.tip();
    return tip && (!after || tip->lineage.name != after->lineage || tip->position.at > after->at);
}

/// The longest a schedule sleeps without looking at the clock again: a stepped clock is noticed within a minute.
constexpr std::chrono::minutes look_again{1};
/// A follower that ran this long begins its back-off anew.
constexpr std::chrono::minutes steady_after{10};
constexpr BackoffRule slow_retry{.first = std::chrono::seconds{5}, .longest = std::chrono::minutes{10}};

}  // namespace

struct Service::State {
    State(JobContext& context_given, std::vector<ServedSource> plans, ServiceOptions options_given)
        : context{context_given}, options{std::move(options_given)}, plans{std::move(plans)} {}

    JobContext& context;
    ServiceOptions options;
    std::vector<ServedSource> plans;
    std::vector<std::unique_ptr<Served>> served;
    std::unique_ptr<Budget> backup_slots;

    Served& find(const std::string& name);
    Task<BackupReport> back_up(Served& source, BackupOptions options_given);
    void renew_follower(Served& source, const asio::any_io_executor& executor);
    void want_base(Served& source, std::string reason) const;
    Task<> follow(Served& source);
    Task<> schedule(Served& source);
    Task<> back_up_when_due(Served& source, Backoff& backoff);
    Task<std::vector<Instant>> starts(Served& source);
    Task<> resolve_doubt(Served& source);
    Task<> work(HandleCommand& answer);
    Task<> feed_watchdog();
};

Served& Service::State::find(const std::string& name) {
    for (auto& source : served)
        if (source->name() == name) return *source;
    throw Error{Fault::missing, "the service has no source named " + name}.hint(
        "varve status lists the sources; varve.toml defines them.");
}

/// One backup, scheduled or asked for. It meets the wish that it found; one that arises while it runs may be about log that
/// begins after it, and stays.
Task<BackupReport> Service::State::back_up(Served& source, BackupOptions options_given) {
    const auto slot = co_await backup_slots->take(1);
    auto met = std::exchange(source.wish, std::nullopt);
    source.backing_up = true;
    source.backups.last_begun = context.clock.now();
    std::exception_ptr failure;
    std::optional<BackupReport> report;
    try {
        report = co_await run_backup(context, source.source(), std::move(options_given));
    } catch (...) {
        failure = std::current_exception();
    }
    source.backing_up = false;
    if (failure) {
        if (!source.wish) source.wish = std::move(met);
        if (!is_stop(failure)) ++source.backups.failed;
        std::rethrow_exception(failure);
    }
    ++source.backups.made;
    source.backups.last_duration = report->duration;
    source.last_problem.clear();
    source.wake.notify();
    co_return std::move(*report);
}

void Service::State::want_base(Served& source, std::string reason) const {
    BaseWish wish{.reason = std::move(reason), .after = source.follower->state().durable};
    (source.backing_up ? source.doubt : source.wish) = std::move(wish);
    source.wake.notify();
}

void Service::State::renew_follower(Served& source, const asio::any_io_executor& executor) {
    source.follower = std::make_shared<LogFollower>(context, source.source(), executor);
    source.follower->on_base_needed([this, &source](std::string reason) { want_base(source, std::move(reason)); });
}

/// A follower that ends, whatever ended it, begins anew: one source's failure never reaches the others.
Task<> Service::State::follow(Served& source) {
    const auto executor = co_await asio::this_coro::executor;
    Backoff backoff{slow_retry};
    for (;;) {
        const auto began = context.clock.now();
        std::exception_ptr failure;
        try {
            co_await source.follower->run(LogFollower::Persist::yes);
        } catch (...) {
            failure = std::current_exception();
        }
        co_await check_stop();  // a stop that nobody asked for is a failure like any other
        const auto error = failure ? error_of(failure) : Error{Fault::defect, "following the log ended without a reason"};
        log_failure(LogLevel::error, source.name(), error);
        source.follow_failure = error;
        if (context.clock.now() - began > steady_after) backoff.succeeded();
        backoff.failed();
        co_await context.clock.sleep_for(backoff.pause(context.chance()));
        renew_follower(source, executor);
    }
}

Task<std::vector<Instant>> Service::State::starts(Served& source) {
    std::vector<Instant> starts;
    for (const auto& backup : co_await context.repository.backups(source.source().setup.name)) starts.push_back(backup.start);
    co_return starts;
}

/// A gap may be older than this process, and a lineage may begin that no backup leads to: the archive knows. While it has no
/// newer log than the doubt, it cannot tell yet.
Task<> Service::State::resolve_doubt(Served& source) {
    const auto durable = source.follower ? source.follower->state().durable : std::nullopt;
    if (durable && source.followed_before != durable->lineage) {
        source.followed_before = durable->lineage;
        if (!source.doubt) source.doubt.emplace();
    }
    if (!source.doubt) co_return;
    std::optional<std::string> reason;
    try {
        const auto view = co_await read_archive(context, source.source());
        if (!shows_log_after(view, source.doubt->after)) co_return;
        if (const auto need = base_need(view.content)) reason = words_of(*need);
    } catch (const Error& error) {
        if (error.fault() != Fault::denied) throw;
        // This host may not read what it stored: only what the follower saw is known.
        if (!source.doubt->reason.empty()) reason = source.doubt->reason;
    }
    const auto doubt = *std::exchange(source.doubt, std::nullopt);
    if (reason && !source.wish) source.wish = BaseWish{.reason = *reason, .after = doubt.after};
}

/// Sleeps until a backup is due (or a base is needed at once), then takes it.
Task<> Service::State::back_up_when_due(Served& source, Backoff& backoff) {
    const auto began = co_await starts(source);
    const RunCalendar calendar{.schedule = source.plan.backup, .zone = source.plan.zone};
    for (;;) {
        if (source.has_log()) co_await resolve_doubt(source);
        const auto now = context.clock.now();
        source.next_backup = next_run(calendar, began, now);
        if (source.wish || *source.next_backup <= now) break;
        const auto pause = std::min<std::chrono::microseconds>(*source.next_backup - now, look_again);
        if (co_await source.wake.wait_for(pause)) co_return;  // something changed: look again from the start
    }
    if (source.wish) log(LogLevel::info, source.name(), "a base backup is taken now: " + source.wish->reason);
    const auto report = co_await back_up(source, {});
    backoff.succeeded();
    if (report.partial)
        log(LogLevel::warning, source.name(), "the backup is partial: see varve backup show " + report.committed.name.id.text());
}

Task<> Service::State::schedule(Served& source) {
    Backoff backoff{slow_retry};
    for (;;) {
        std::exception_ptr failure;
        try {
            co_await back_up_when_due(source, backoff);
        } catch (...) {
            failure = std::current_exception();
        }
        co_await check_stop();
        if (!failure) continue;
        const auto error = error_of(failure);
        source.last_problem = error.sentence();
        log_failure(LogLevel::error, source.name(), error);
        backoff.failed();
        co_await context.clock.sleep_for(backoff.pause(context.chance()));
    }
}

/// Fed by a timer of the io thread after each pool answered: it means "alive", never "data moved".
Task<> Service::State::feed_watchdog() {
    std::uint64_t interval = 0;
    if (::sd_watchdog_enabled(0, &interval) <= 0) co_return;
    for (;;) {
        auto nothing = [] {};
        co_await on_pool(context.pools.log, nothing);
        co_await on_pool(context.pools.blocking, nothing);
        ::sd_notify(0, "WATCHDOG=1");
        co_await context.clock.sleep_for(std::chrono::microseconds{interval / 3});
    }
}

Service::Service(JobContext& context, std::vector<ServedSource> sources, ServiceOptions options)
    : state_{std::make_shared<State>(context, std::move(sources), std::move(options))} {}
Service::~Service() = default;

/// All that runs, until it is stopped; then all of it has ended.
Task<> Service::State::work(HandleCommand& answer) {
    auto body = [this, &answer](TaskGroup& group) -> Task<> {
        group.spawn(serve_control(options.socket, answer));
        for (auto& source : served) {
            if (source->follower) group.spawn(follow(*source));
            group.spawn(schedule(*source));
        }
        ::sd_notify(0, "READY=1");
        log(LogLevel::info, "", "serving " + std::to_string(served.size()) + " sources");
        std::exception_ptr ended;
        try {
            co_await group.join();
        } catch (...) {
            ended = std::current_exception();
        }
        ::sd_notify(0, "STOPPING=1");  // what was received is stored from here on
        if (ended) std::rethrow_exception(ended);
    };
    co_await in_group(body);
}

Task<> Service::run(HandleCommand answer) {
    const auto state = state_;
    const auto executor = co_await asio::this_coro::executor;
    state->backup_slots = std::make_unique<Budget>(executor, state->options.backups_at_once);
    for (auto& plan : state->plans) {
        auto served = std::make_unique<Served>(plan, executor);
        if (served->has_log()) served->doubt.emplace();
        if (served->has_log() && served->source().setup.log == LogRoute::stream) state->renew_follower(*served, executor);
        state->served.push_back(std::move(served));
    }
    // Beside the work and not in it: it is fed until what was received is stored.
    TaskGroup watchdog{executor};
    watchdog.spawn(state->feed_watchdog());
    std::exception_ptr ended;
    try {
        co_await state->work(answer);
    } catch (...) {
        ended = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    watchdog.request_stop();
    co_await shielded(watchdog.join());
    if (ended) std::rethrow_exception(ended);
}

std::optional<ServedState> Service::find_state(const std::string& name) const {
    const auto found = std::ranges::find(state_->served, name, [](const auto& source) { return source->name(); });
    if (found == state_->served.end()) return {};
    auto& source = **found;
    ServedState shown{.name = name,
                      .log = {},
                      .follows = source.follower != nullptr,
                      .backing_up = source.backing_up,
                      .last_backup_problem = source.last_problem,
                      .backups = source.backups,
                      .next_backup = source.next_backup};
    if (source.follower) shown.log = source.follower->state();
    if (shown.log.connected) source.follow_failure.reset();
    if (const auto& ended = source.follow_failure; ended && shown.log.problem.empty()) {
        shown.log.problem = ended->sentence();
        shown.log.remedy = ended->remedy();
    }
    return shown;
}

Task<BackupReport> Service::back_up(std::string source, BackupOptions options) {
    co_return co_await state_->back_up(state_->find(source), std::move(options));
}

std::shared_ptr<LogFollower> Service::follower(const std::string& source) { return state_->find(source).follower; }

}  // namespace varve

#include "service/service.hpp"

#include <systemd/sd-daemon.h>

#include "policy/backoff.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// A source in the service.
struct Served {
    Served(ServedSource given, asio::any_io_executor executor) : plan{std::move(given)}, wake{executor} {}

    ServedSource plan;
    std::unique_ptr<LogFollower> follower;
    Signal wake;              ///< a base is needed, or the schedule changed
    std::string base_reason;  ///< why a base is needed at once; empty: it is not
    bool backing_up = false;
    std::string last_problem;
    std::optional<Instant> next_backup;

    Source& source() const { return *plan.source; }
    const std::string& name() const { return plan.source->setup.name.text(); }
};

/// The longest a schedule sleeps without looking at the clock again: a stepped clock is noticed within a minute.
constexpr std::chrono::minutes look_again{1};

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
    Task<> follow(Served& source);
    Task<> schedule(Served& source);
    Task<> back_up_when_due(Served& source, Backoff& backoff);
    Task<std::optional<Instant>> last_start(Served& source);
    Task<> feed_watchdog();
};

Served& Service::State::find(const std::string& name) {
    for (auto& source : served)
        if (source->name() == name) return *source;
    throw Error{Fault::missing, "the service has no source named " + name}.hint(
        "varve status lists the sources; varve.toml defines them.");
}

Task<BackupReport> Service::State::back_up(Served& source, BackupOptions options_given) {
    const auto slot = co_await backup_slots->take(1);
    source.backing_up = true;
    std::exception_ptr failure;
    std::optional<BackupReport> report;
    try {
        report = co_await run_backup(context, source.source(), std::move(options_given));
    } catch (...) {
        failure = std::current_exception();
    }
    source.backing_up = false;
    if (failure) std::rethrow_exception(failure);
    source.last_problem.clear();
    source.base_reason.clear();
    source.wake.notify();
    co_return std::move(*report);
}

Task<> Service::State::follow(Served& source) {
    source.follower->on_base_needed([&source](std::string reason) {
        source.base_reason = std::move(reason);
        source.wake.notify();
    });
    co_await source.follower->run(LogFollower::Persist::yes);
}

Task<std::optional<Instant>> Service::State::last_start(Served& source) {
    const auto backups = co_await context.repository.backups(source.source().setup.name);
    if (backups.empty()) co_return std::nullopt;
    co_return backups.front().start;
}

/// Sleeps until a backup is due (or a base is needed at once), then takes it.
Task<> Service::State::back_up_when_due(Served& source, Backoff& backoff) {
    const auto last = co_await last_start(source);
    for (;;) {
        const auto now = context.clock.now();
        // Without a first backup nothing can be restored, so it does not wait for the night.
        source.next_backup = last ? source.plan.backup.next_after(*last, source.plan.zone) : now;
        if (!source.base_reason.empty() || *source.next_backup <= now) break;
        const auto pause = std::min<std::chrono::microseconds>(*source.next_backup - now, look_again);
        if (co_await source.wake.wait_for(pause)) co_return;  // something changed: look again from the start
    }
    if (!source.base_reason.empty()) log(LogLevel::info, source.name(), "a base backup is taken now: " + source.base_reason);
    const auto report = co_await back_up(source, {});
    backoff.succeeded();
    if (report.partial)
        log(LogLevel::warning, source.name(), "the backup is partial: see varve backup show " + report.committed.name.id.text());
}

Task<> Service::State::schedule(Served& source) {
    Backoff backoff{{.first = std::chrono::seconds{5}, .longest = std::chrono::minutes{10}}};
    for (;;) {
        std::chrono::microseconds pause{};
        try {
            co_await back_up_when_due(source, backoff);
        } catch (const Error& error) {
            if (error.fault() == Fault::cancelled) throw;
            source.last_problem = error.sentence();
            log_failure(LogLevel::error, source.name(), error);
            backoff.failed();
            pause = backoff.pause(context.chance());
        }
        if (pause.count() > 0) co_await context.clock.sleep_for(pause);
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

Task<> Service::run(HandleCommand answer) {
    const auto state = state_;
    const auto executor = co_await asio::this_coro::executor;
    state->backup_slots = std::make_unique<Budget>(executor, state->options.backups_at_once);
    for (auto& plan : state->plans) {
        auto served = std::make_unique<Served>(plan, executor);
        const auto& setup = plan.source->setup;
        if (setup.log == LogRoute::stream && plan.source->driver->traits().has_log)
            served->follower = std::make_unique<LogFollower>(state->context, *plan.source, executor);
        state->served.push_back(std::move(served));
    }
    auto body = [state, &answer](TaskGroup& group) -> Task<> {
        group.spawn(serve_control(state->options.socket, answer));
        for (auto& source : state->served) {
            if (source->follower) group.spawn(state->follow(*source));
            group.spawn(state->schedule(*source));
        }
        group.spawn(state->feed_watchdog());
        ::sd_notify(0, "READY=1");
        log(LogLevel::info, "", "serving " + std::to_string(state->served.size()) + " sources");
        co_await group.join();
    };
    std::exception_ptr ended;
    try {
        co_await in_group(body);
    } catch (...) {
        ended = std::current_exception();
    }
    ::sd_notify(0, "STOPPING=1");
    if (ended) std::rethrow_exception(ended);
}

std::vector<ServedState> Service::states() const {
    std::vector<ServedState> states;
    for (const auto& source : state_->served) {
        ServedState shown{.name = source->name(),
                          .log = {},
                          .follows = source->follower != nullptr,
                          .backing_up = source->backing_up,
                          .last_backup_problem = source->last_problem,
                          .next_backup = source->next_backup};
        if (source->follower) shown.log = source->follower->state();
        states.push_back(std::move(shown));
    }
    return states;
}

Task<BackupReport> Service::back_up(std::string source, BackupOptions options) {
    co_return co_await state_->back_up(state_->find(source), std::move(options));
}

LogFollower* Service::follower(const std::string& source) { return state_->find(source).follower.get(); }

}  // namespace varve

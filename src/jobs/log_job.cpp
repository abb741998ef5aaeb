#include "jobs/log_job.hpp"

#include "jobs/backup_job.hpp"
#include "pipeline/log_shipper.hpp"
#include "policy/backoff.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr std::chrono::seconds drain_patience{5};
/// A stream that held this long begins its back-off anew.
constexpr std::chrono::seconds steady_after{30};
constexpr std::chrono::seconds stubborn_pause{15};

struct BackupEnd {
    Lineage lineage;
    LogPosition position;
};

/// Where the first log of a source must begin, so that its newest backup reaches into it without a hole. Nothing without a
/// backup, and where this host may not read its manifests (a sealed host): there a new base backup closes the hole.
Task<std::optional<BackupEnd>> newest_backup_end(JobContext& context, const Source& source) {
    for (auto& name : co_await context.repository.backups(source.setup.name)) {
        try {
            const auto structure = (co_await context.repository.manifest(source.setup.name, std::move(name))).structure;
            if (!structure.has_lineage()) continue;
            BackupEnd end{.lineage = from_format(structure.lineage()), .position = {}};
            end.position = {end.lineage.name, structure.stop_position(), structure.stop_position_text()};
            co_return end;
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt && error.fault() != Fault::denied) throw;
            log_failure(LogLevel::warning, source.setup.name.text(), error);
        }
    }
    co_return std::nullopt;
}

}  // namespace

struct LogFollower::State {
    State(JobContext& context_given, Source& source_given, const asio::any_io_executor& executor)
        : context{context_given}, source{source_given}, background{executor}, shipping{executor}, following{executor} {}

    JobContext& context;
    Source& source;
    std::function<void(std::string)> base_needed;
    std::unique_ptr<LogStore> store;
    std::unique_ptr<LogShipper> shipper;
    std::unique_ptr<SegmentHashes> sink;  ///< in front of the shipper
    FollowState shown;
    TaskGroup background;  ///< copies that are not required
    TaskGroup shipping;
    TaskGroup following;  ///< a stop of the owner reaches this one first, so that shipping can finish
    std::exception_ptr ship_failure;

    const std::string& name() const { return source.setup.name.text(); }
    void need_base(std::string reason) const {
        if (base_needed) base_needed(std::move(reason));
    }

    Task<> prepare();
    Task<> prepare_patiently(Persist persist);
    Task<> follow_once();
    Task<> close_gap(Error missing);
    Task<> follow_for_ever(Persist persist);
    Task<> ship();
    Task<> prepare_and_follow(Persist persist);
    Task<> wind_down();
    void remember_failure(const Error& error, std::chrono::microseconds pause);
    std::chrono::microseconds pause_after(const Error& error, Backoff& backoff) const;
};

Task<> LogFollower::State::prepare() {
    const auto& setup = source.setup;
    store = std::make_unique<LogStore>(context.repository, setup.name, setup.driver, background);
    shipper = std::make_unique<LogShipper>(co_await asio::this_coro::executor, context.clock, *store,
                                           ShipperOptions{.interval = setup.ship_interval}, setup.name);
    sink = std::make_unique<SegmentHashes>(*shipper);
    const auto catalog = co_await LogCatalog::read(context.repository, setup.name);
    catalog.require_required();
    if (const auto tip = catalog.tip()) {
        shipper->resume_from(tip->lineage, tip->position, tip->last_commit);
        log(LogLevel::info, name(), "following on from " + tip->position.text);
    } else if (const auto end = co_await newest_backup_end(context, source)) {
        shipper->resume_from(end->lineage, end->position, std::nullopt);
        log(LogLevel::info, name(), "no log is archived yet: it begins where the newest backup ends, at " + end->position.text);
    } else {
        log(LogLevel::info, name(), "nothing is archived yet: a new log begins");
        need_base("the log begins");
    }
}

/// A repository that is away when the service starts is no reason to give up.
Task<> LogFollower::State::prepare_patiently(Persist persist) {
    Backoff backoff;
    for (;;) {
        std::chrono::microseconds pause{};
        try {
            co_await prepare();
            co_return;
        } catch (const Error& error) {
            if (error.fault() == Fault::cancelled || persist == Persist::no) throw;
            pause = pause_after(error, backoff);
            remember_failure(error, pause);
        }
        co_await context.clock.sleep_for(pause);
    }
}

Task<> LogFollower::State::follow_once() {
    const auto server = co_await source.driver->inspect();
    co_await require_same_identity(context, source, server);
    shown.connected = true;
    shown.problem.clear();
    shown.remedy.clear();
    co_await source.driver->follow_log(shipper->durable(), *sink);
}

/// The server no longer has what comes after our position. What is lost is said first, then the log begins anew.
Task<> LogFollower::State::close_gap(Error missing) {
    const auto from = shipper->durable();
    if (!from) throw missing;
    const auto server = co_await source.driver->inspect();
    auto to = server.position.value_or(*from);
    log_failure(LogLevel::error, name(), missing);
    co_await shipper->record_gap(Gap{.from = *from, .to = to, .reason = missing.sentence()});
    ++shown.gaps;
    need_base("a gap in the log from " + from->text);
    co_await source.driver->follow_log(std::nullopt, *sink);
}

/// What time alone will not mend (a missing right, a slot in use) is tried less often, but never given up.
std::chrono::microseconds LogFollower::State::pause_after(const Error& error, Backoff& backoff) const {
    backoff.failed();
    return error.retryable() ? backoff.pause(context.chance()) : stubborn_pause;
}

void LogFollower::State::remember_failure(const Error& error, std::chrono::microseconds pause) {
    shown.connected = false;
    if (shown.problem != error.sentence()) {
        log_failure(LogLevel::warning, name(), error);
        log(LogLevel::info, name(), "trying again every " + std::to_string(pause.count() / 1'000'000) + " s or more");
    }
    shown.problem = error.sentence();
    shown.remedy = error.remedy();
}

Task<> LogFollower::State::follow_for_ever(Persist persist) {
    Backoff backoff;
    for (;;) {
        std::optional<Error> failure;
        const auto began = context.clock.now();
        try {
            try {
                co_await follow_once();
            } catch (const Error& error) {
                if (error.fault() != Fault::missing) throw;
                failure = error;
            }
            if (failure) {
                auto missing = *std::exchange(failure, std::nullopt);
                co_await close_gap(std::move(missing));
            }
        } catch (const Error& error) {
            if (error.fault() == Fault::cancelled) throw;
            if (persist == Persist::no && !error.retryable()) throw;
            failure = error;
        }
        if (context.clock.now() - began > steady_after) backoff.succeeded();
        shown.connected = false;
        if (!failure) continue;
        const auto pause = pause_after(*failure, backoff);
        remember_failure(*failure, pause);
        co_await context.clock.sleep_for(pause);
    }
}

/// A shipper that cannot go on must not leave a stream that fills memory behind it.
Task<> LogFollower::State::ship() {
    try {
        co_await shipper->run();
    } catch (...) {
        auto failure = std::current_exception();
        if (is_stop(failure)) co_return;
        ship_failure = failure;
        following.request_stop();
    }
}

Task<> LogFollower::State::prepare_and_follow(Persist persist) {
    co_await prepare_patiently(persist);
    shipping.spawn(ship());
    co_await follow_for_ever(persist);
}

/// What was taken is still stored when the stream is told to stop.
Task<> LogFollower::State::wind_down() {
    if (shipper && !ship_failure && !co_await shipper->drain(drain_patience))
        log(LogLevel::warning, name(), "stopped before the newest log was stored; the server keeps it and sends it again");
    shipping.request_stop();
    co_await shipping.join();
    background.request_stop();
    co_await background.join();
}

LogFollower::LogFollower(JobContext& context, Source& source, const asio::any_io_executor& executor)
    : state_{std::make_shared<State>(context, source, executor)} {}
LogFollower::~LogFollower() = default;

void LogFollower::on_base_needed(std::function<void(std::string)> callback) { state_->base_needed = std::move(callback); }

Task<> LogFollower::run(Persist persist) {
    const auto state = state_;
    const auto lock = own_source(state->source.setup, "log");
    std::exception_ptr failure;
    try {
        co_await state->following.run(state->prepare_and_follow(persist));
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await shielded(state->wind_down());
    if (state->ship_failure) std::rethrow_exception(state->ship_failure);
    if (failure) std::rethrow_exception(failure);
}

namespace {

/// What was received becomes an object again and again, because what the server wrote may not have been received yet.
template <class State>
Task<bool> wait_for_server_position(State& state, LogPosition wanted,
                                    std::optional<std::chrono::steady_clock::time_point> until) {
    for (;;) {
        const auto durable = state.shipper ? state.shipper->durable() : std::nullopt;
        const bool same = durable && (wanted.lineage.empty() || durable->lineage == wanted.lineage);
        if (same && durable->at >= wanted.at) co_return true;
        if (until && std::chrono::steady_clock::now() > *until) co_return false;
        if (state.shipper) co_await state.shipper->seal();
        co_await state.context.clock.sleep_for(std::chrono::milliseconds{50});
    }
}

}  // namespace

Task<LogPosition> LogFollower::caught_up() {
    const auto state = state_;
    auto server = co_await state->source.driver->inspect();
    // A server that does not tell refuses the stream as well: run() says why.
    while (!server.position) {
        co_await state->context.clock.sleep_for(std::chrono::milliseconds{200});
        server = co_await state->source.driver->inspect();
    }
    co_await wait_for_server_position(*state, *server.position, std::nullopt);
    co_return *state->shipper->durable();
}

Task<bool> LogFollower::catches_up(std::chrono::microseconds patience) {
    const auto state = state_;
    if (!state->shown.connected) co_return false;
    const auto until = std::chrono::steady_clock::now() + patience;
    SourceState server;
    try {
        server = co_await state->source.driver->inspect();
    } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        co_return false;  // the stream's own retry reports it
    }
    co_return server.position&& co_await wait_for_server_position(*state, *server.position, until);
}

Task<> LogFollower::seal() {
    if (state_->shipper) co_await state_->shipper->seal();
}

std::optional<Digest> LogFollower::segment_hash(const LineageName& lineage, std::uint64_t from, std::uint64_t to) const {
    return state_->sink ? state_->sink->find(lineage, from, to) : std::nullopt;
}

FollowState LogFollower::state() const {
    auto shown = state_->shown;
    if (state_->shipper) {
        shown.durable = state_->shipper->durable();
        shown.waiting_since = state_->shipper->waiting_since();
        shown.durable_through = state_->shipper->durable_through();
    }
    if (state_->store) shown.copies = state_->store->state();
    return shown;
}

}  // namespace varve

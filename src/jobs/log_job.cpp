#include "jobs/log_job.hpp"

#include <set>

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
constexpr std::chrono::seconds ask_again{5};

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
            const bool from_begin = source.driver->traits().log_has_files;
            const auto stop = std::max(structure.stop_position(), structure.log_end_position());
            const auto at = from_begin ? end.lineage.begins_at : stop;
            end.position = {end.lineage.name, at, source.driver->print_position_in(end.lineage, at)};
            co_return end;
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt && error.fault() != Fault::denied) throw;
            log_failure(LogLevel::warning, source.setup.name.text(), error);
        }
    }
    co_return std::nullopt;
}

/// The lineage that the server is on, when the archive has it: another server may have pushed to another one since. Else the one
/// written to last, for the driver to find the way from there.
std::optional<LogCatalog::Tip> tip_for(const LogCatalog& catalog, const SourceState& server) {
    if (server.position)
        if (auto own = catalog.tip_of(server.position->lineage)) return own;
    return catalog.tip();
}

/// What the server has to say about why it does not tell its position: a missing right, most often.
Error no_position(const SourceState& server) {
    for (const auto& finding : server.findings)
        if (finding.level == Finding::Level::error) return Error{Fault::denied, finding.what}.hint(finding.remedy);
    return Error{Fault::denied, "the server does not say where its log is"}.hint("varve check says what is missing.");
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
    std::optional<LogPosition> noted_gap;  ///< the position before the gap recorded last
    std::set<std::string> base_causes;     ///< for which a base was asked
    TaskGroup background;                  ///< copies that are not required
    TaskGroup shipping;
    TaskGroup following;  ///< a stop of the owner reaches this one first, so that shipping can finish
    std::exception_ptr ship_failure;

    const std::string& name() const { return source.setup.name.text(); }
    /// Once for each `cause`: an attempt to follow that fails again and again must not cost a backup each time.
    void need_base(const std::string& cause, std::string reason) {
        if (base_causes.insert(cause).second && base_needed) base_needed(std::move(reason));
    }

    Task<> prepare();
    Task<> find_begin(const SourceState& server);
    Task<> begin_anew(std::string cause, std::string reason);
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
    store = std::make_unique<LogStore>(context.repository, setup.name, setup.driver, context.clock, background);
    shipper = std::make_unique<LogShipper>(co_await asio::this_coro::executor, context.clock, *store,
                                           ShipperOptions{.interval = setup.ship_interval}, setup.name);
    shipper->on_other_lineage([this](const Lineage& lineage) {
        need_base("lineage " + lineage.name.text(), "the log goes on as " + lineage.name.text());
    });
    sink = std::make_unique<SegmentHashes>(*shipper);
    const auto catalog = co_await LogCatalog::read(context.repository, setup.name);
    catalog.require_required();
}

/// Asked anew at each attempt until something was followed: a backup that ended meanwhile, or an adopted server, counts.
Task<> LogFollower::State::find_begin(const SourceState& server) {
    const auto catalog = co_await LogCatalog::read(context.repository, source.setup.name);
    catalog.require_required();
    if (auto tip = tip_for(catalog, server)) {
        log(LogLevel::info, name(), "following on from " + tip->position.text);
        shipper->resume_from(tip->lineage, tip->position, tip->last_commit);
    } else if (const auto end = co_await newest_backup_end(context, source)) {
        log(LogLevel::info, name(), "no log is archived yet: it begins for the newest backup, at " + end->position.text);
        shipper->resume_from(end->lineage, end->position, std::nullopt);
    } else {
        log(LogLevel::info, name(), "nothing is archived yet: a new log begins");
        need_base("begin", "the log begins");
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
    if (!server.position) throw no_position(server);
    if (!shipper->durable()) co_await find_begin(server);
    shown.connected = true;
    shown.problem.clear();
    shown.remedy.clear();
    shown.fault.reset();
    std::optional<Error> failure;
    try {
        co_await source.driver->follow_log(shipper->durable(), *sink);
    } catch (const Error& error) {
        if (error.fault() != Fault::missing && error.code_word() != "wrong_identity") throw;
        failure = error;
    }
    if (!failure) co_return;
    // The identity was accepted above: what is archived is of the server that was there before this one was adopted.
    if (failure->code_word() == "wrong_identity") co_return co_await begin_anew("adopted", failure->sentence());
    co_await close_gap(std::move(*failure));
}

Task<> LogFollower::State::begin_anew(std::string cause, std::string reason) {
    need_base(cause, std::move(reason));
    co_await source.driver->follow_log(std::nullopt, *sink);
}

/// The server no longer has what comes after our position. What is lost is said first, once, then the log begins anew.
Task<> LogFollower::State::close_gap(Error missing) {
    const auto from = shipper->durable();
    if (!from) throw missing;
    log_failure(LogLevel::error, name(), missing);
    if (noted_gap == from) {
        shipper->allow_hole();
    } else {
        const auto server = co_await source.driver->inspect();
        co_await shipper->record_gap(Gap{.from = *from, .to = server.position.value_or(*from), .reason = missing.sentence()});
        noted_gap = from;
        ++shown.gaps;
    }
    co_await begin_anew("gap " + from->lineage.text() + " " + from->text, "a gap in the log from " + from->text);
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
    shown.fault = error.fault();
}

Task<> LogFollower::State::follow_for_ever(Persist persist) {
    Backoff backoff;
    for (;;) {
        std::optional<Error> failure;
        const auto began = context.clock.now();
        try {
            co_await follow_once();
        } catch (...) {
            const auto thrown = std::current_exception();
            if (is_stop(thrown)) throw;
            failure = error_of(thrown);
            if (persist == Persist::no && !failure->retryable()) throw;
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

/// What was received up to there becomes an object at once, and not what merely comes on the way.
template <class State>
Task<bool> wait_for_server_position(State& state, LogPosition wanted, std::chrono::steady_clock::time_point until) {
    const auto reaches = [&](const std::optional<LogPosition>& position) {
        return position && position->lineage == wanted.lineage && position->at >= wanted.at;
    };
    for (;;) {
        // The archive's end alone says nothing: the server may have refused the stream, or have other log there.
        const bool taken = state.shipper && reaches(state.shipper->taken());
        if (taken && reaches(state.shipper->durable())) co_return true;
        if (std::chrono::steady_clock::now() > until) co_return false;
        if (taken) co_await state.shipper->seal();
        co_await state.context.clock.sleep_for(std::chrono::milliseconds{20});
    }
}

}  // namespace

Task<LogPosition> LogFollower::caught_up() {
    const auto state = state_;
    for (;;) {
        const auto server = co_await state->source.driver->inspect();
        if (!server.position) throw no_position(server);
        // Asked again now and then: a server that moved to another timeline never reaches a place on the old one.
        const auto until = std::chrono::steady_clock::now() + ask_again;
        if (co_await wait_for_server_position(*state, *server.position, until)) co_return *state->shipper->durable();
    }
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
        shown.waiting_bytes = state_->shipper->held_bytes();
        shown.durable_through = state_->shipper->durable_through();
    }
    if (state_->store) shown.copies = state_->store->state();
    return shown;
}

}  // namespace varve

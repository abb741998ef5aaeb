#include "pipeline/log_shipper.hpp"

#include <algorithm>
#include <deque>

#include "pipeline/log_batch.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

struct Held {
    std::shared_ptr<LogBatch> batch;
    Instant since;
};

}  // namespace

struct LogShipper::State {
    State(const asio::any_io_executor& executor, Clock& clock_given, LogDestination& destination_given,
          ShipperOptions options_given, SourceName source_given)
        : clock{clock_given},
          destination{destination_given},
          options{options_given},
          source{std::move(source_given)},
          changed{executor} {}

    Clock& clock;
    LogDestination& destination;
    ShipperOptions options;
    SourceName source;
    std::function<void(const Lineage&)> other_lineage;
    Signal changed;  ///< anything below did

    Lineage lineage;  ///< begun, or resumed from; its name is empty before
    bool begun = false;
    std::optional<std::uint64_t> next;  ///< where the next run must begin; nothing: anywhere
    bool hole_allowed = false;          ///< a gap was recorded, and nothing came since
    std::optional<Held> open;           ///< grows
    std::deque<Held> sealed;            ///< in order; the first one is being stored
    std::optional<LogPosition> durable;
    std::optional<Instant> last_commit;         ///< of what was taken
    std::optional<Instant> sealed_last_commit;  ///< of what is sealed
    std::optional<Instant> durable_through;
    std::optional<Error> blocked;
    std::uint64_t held_bytes = 0;

    void seal();
    void forget_open();
    std::optional<std::uint64_t> next_in(const LineageName& name) const;
    void carry_last_commit(const Lineage& into);
    void add(LogRun run);
    Task<> put_first();
    Task<> put_in_order();
    Task<> seal_in_time();
};

void LogShipper::State::seal() {
    if (!open) return;
    sealed_last_commit = last_commit;
    sealed.push_back(*std::exchange(open, std::nullopt));
    changed.notify();
}

void LogShipper::State::forget_open() {
    if (!open) return;
    held_bytes -= bytes_of(*open->batch);
    open.reset();
    last_commit = sealed_last_commit;  // a commit that went with its bytes is not in the archive
    changed.notify();
}

/// Where a lineage that is begun again goes on: behind its objects under way, or where the driver was told to begin. Anywhere,
/// when nothing of it is kept, also after a gap that ended at no known place.
std::optional<std::uint64_t> LogShipper::State::next_in(const LineageName& name) const {
    if (hole_allowed) return std::nullopt;
    if (!sealed.empty() && sealed.back().batch->to.lineage == name) return sealed.back().batch->to.at;
    if (next && durable && durable->lineage == name) return durable->at;
    return std::nullopt;
}

/// What was committed in the parent counts in a new lineage only where the lineage left it behind that commit.
void LogShipper::State::carry_last_commit(const Lineage& into) {
    const bool all_of_parent = into.parent && into.parent->lineage == lineage.name && next && *next <= into.parent->at;
    if (!all_of_parent) last_commit.reset();
    sealed_last_commit = last_commit;
}

void LogShipper::State::add(LogRun run) {
    if (!open)
        open = Held{.batch = std::make_shared<LogBatch>(begin_batch(lineage, run.first, last_commit)), .since = clock.now()};
    held_bytes += run.bytes.size();
    next = run.last.at;
    hole_allowed = false;
    add_run(*open->batch, std::move(run), options.frame_bytes_max);
    last_commit = open->batch->last_commit;
    if (bytes_of(*open->batch) >= options.object_bytes_max) seal();
    changed.notify();
}

/// Tries for as long as it takes: what was received is never dropped.
Task<> LogShipper::State::put_first() {
    auto pause = options.retry_pause_first;
    for (;;) {
        try {
            co_await destination.put_log(sealed.front().batch);
            co_return;
        } catch (...) {
            const auto failure = std::current_exception();
            if (is_stop(failure)) throw;
            const auto error = error_of(failure);
            if (!blocked || blocked->sentence() != error.sentence()) log_failure(LogLevel::warning, source.text(), error);
            blocked = error;
        }
        changed.notify();
        co_await clock.sleep_for(pause);
        pause = std::min(pause * 2, options.retry_pause_max);
    }
}

Task<> LogShipper::State::put_in_order() {
    for (;;) {
        while (sealed.empty()) co_await changed.wait();
        co_await put_first();
        if (blocked) log(LogLevel::info, source.text(), "the log is being stored again");
        blocked.reset();
        durable = sealed.front().batch->to;
        if (const auto known = sealed.front().batch->known_through) durable_through = std::max(durable_through, known);
        held_bytes -= bytes_of(*sealed.front().batch);
        sealed.pop_front();
        changed.notify();
    }
}

Task<> LogShipper::State::seal_in_time() {
    for (;;) {
        while (!open) co_await changed.wait();
        const auto batch = open->batch;
        co_await clock.sleep_until(open->since + options.interval);
        if (open && open->batch == batch) seal();
    }
}

LogShipper::LogShipper(asio::any_io_executor executor, Clock& clock, LogDestination& destination, ShipperOptions options,
                       SourceName source)
    : state_{std::make_shared<State>(executor, clock, destination, options, std::move(source))} {}
LogShipper::~LogShipper() = default;

Task<> LogShipper::begin_lineage(Lineage lineage) {
    auto& state = *state_;
    if (lineage.name == state.lineage.name) {
        state.forget_open();
        state.next = state.next_in(lineage.name);
    } else {
        state.seal();
        state.carry_last_commit(lineage);
        state.next.reset();
        if (!state.lineage.name.empty() && state.other_lineage) state.other_lineage(lineage);
    }
    state.lineage = std::move(lineage);
    state.begun = true;
    co_return;
}

Task<> LogShipper::append(LogRun run) {
    const auto state = state_;
    if (run.first.lineage != state->lineage.name)
        throw Error{Fault::defect,
                    "log of " + run.first.lineage.text() + " came while " + state->lineage.name.text() + " was begun"};
    if (state->next) {
        trim_front(run, *state->next);
        if (run.first.at > *state->next)
            throw Error{Fault::defect,
                        "log from " + run.first.text + " leaves a hole after position " + std::to_string(*state->next)};
    }
    if (run.bytes.empty()) co_return;
    while (state->held_bytes > 0 && state->held_bytes + run.bytes.size() > state->options.held_bytes_max) {
        state->seal();
        co_await state->changed.wait();
    }
    state->add(std::move(run));
}

Task<> LogShipper::record_gap(Gap gap) {
    const auto state = state_;
    state->seal();
    auto lineage = state->lineage;
    if (lineage.name != gap.from.lineage) lineage = Lineage{.name = gap.from.lineage, .begins_at = 0, .parent = {}, .facts = {}};
    auto pause = state->options.retry_pause_first;
    for (;;) {
        try {
            co_await state->destination.put_gap(lineage, gap);
            break;
        } catch (const Error& error) {
            if (!error.retryable()) throw;
            log_failure(LogLevel::warning, state->source.text(), error);
        }
        co_await state->clock.sleep_for(pause);
        pause = std::min(pause * 2, state->options.retry_pause_max);
    }
    state->next.reset();
    state->hole_allowed = true;
}

Task<> LogShipper::seal() {
    state_->seal();
    co_return;
}

void LogShipper::known_through(std::uint64_t at, Instant time) {
    auto& state = *state_;
    auto* newest = state.open ? &*state.open : state.sealed.empty() ? nullptr : &state.sealed.back();
    if (newest != nullptr) {
        // An object under way is being read by the log pool: only one that still grows may be told.
        if (state.open && newest->batch->to.at == at) newest->batch->known_through = time;
    } else if (state.durable && state.durable->at == at && state.durable->lineage == state.lineage.name) {
        state.durable_through = time;
    }
}

std::optional<Instant> LogShipper::durable_through() const { return state_->durable_through; }

std::optional<LogPosition> LogShipper::durable() const { return state_->durable; }

std::optional<Lineage> LogShipper::durable_lineage() const {
    if (!state_->durable || state_->durable->lineage != state_->lineage.name) return std::nullopt;
    return state_->lineage;
}

Task<> LogShipper::durable_after(std::optional<LogPosition> position) {
    const auto state = state_;
    const auto moved = [&] {
        if (!state->durable) return false;
        return !position || state->durable->lineage != position->lineage || state->durable->at > position->at;
    };
    while (!moved()) co_await state->changed.wait();
}

void LogShipper::throw_if_blocked() const {
    if (state_->blocked) throw *state_->blocked;
}

void LogShipper::resume_from(Lineage lineage, LogPosition durable, std::optional<Instant> last_commit) {
    state_->lineage = std::move(lineage);
    state_->next = durable.at;
    state_->durable = std::move(durable);
    state_->last_commit = state_->sealed_last_commit = last_commit;
}

void LogShipper::allow_hole() {
    state_->next.reset();
    state_->hole_allowed = true;
}

void LogShipper::on_other_lineage(std::function<void(const Lineage&)> callback) { state_->other_lineage = std::move(callback); }

std::optional<LogPosition> LogShipper::taken() const {
    if (!state_->begun || !state_->next) return std::nullopt;
    return LogPosition{state_->lineage.name, *state_->next, {}};
}

Task<> LogShipper::run() {
    const auto state = state_;
    auto both = [state](TaskGroup& group) -> Task<> {
        group.spawn(state->seal_in_time());
        co_await state->put_in_order();
    };
    co_await in_group(both);
}

Task<bool> LogShipper::drain(std::chrono::microseconds patience) {
    const auto state = state_;
    state->seal();
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!state->sealed.empty()) {
        const auto left = std::chrono::duration_cast<std::chrono::microseconds>(until - std::chrono::steady_clock::now());
        if (left.count() <= 0) co_return false;
        co_await state->changed.wait_for(left);
    }
    co_return true;
}

std::optional<Instant> LogShipper::waiting_since() const {
    if (!state_->sealed.empty()) return state_->sealed.front().since;
    if (state_->open) return state_->open->since;
    return std::nullopt;
}

std::uint64_t LogShipper::held_bytes() const noexcept { return state_->held_bytes; }

}  // namespace varve

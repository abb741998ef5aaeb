#include "sqlite/follow.hpp"

#include <algorithm>
#include <thread>

#include "sqlite/attach.hpp"
#include "varve/error.hpp"
#include "varve/failpoint.hpp"
#include "varve/log.hpp"

namespace varve::sqlite {

namespace {

constexpr std::chrono::milliseconds active_pause{100};
constexpr std::chrono::milliseconds idle_pause_max{1000};
constexpr std::uint64_t bytes_at_once = 4U << 20;

constexpr std::uint32_t cycle_frames = 1000;       ///< as many as SQLite's own checkpoints wait for
constexpr std::uint64_t undurable_max = 2U << 20;  ///< bytes of log left to store when the lock is taken
constexpr int approach_rounds = 8;
constexpr std::chrono::milliseconds approach_patience{5000};
constexpr std::chrono::milliseconds lock_patience{100};     ///< for the application's write lock
constexpr std::chrono::milliseconds durable_patience{150};  ///< while we have it
constexpr std::chrono::milliseconds look_again{5};
constexpr int checkpoint_tries = 8;
constexpr std::chrono::seconds cycle_pause_first{1}, cycle_pause_max{30};

/// Another process may be checkpointing just now.
Checkpoint checkpoint_soon(Connection& connection) {
    for (int tries = 1;; ++tries) {
        const auto done = connection.checkpoint_passively();
        if (!done.busy || tries == checkpoint_tries) return done;
        std::this_thread::sleep_for(look_again);
    }
}

std::string words_of(std::uint64_t number) { return "transaction " + std::to_string(number); }

}  // namespace

struct Follower::Live {
    explicit Live(Attached attached)
        : database{std::move(attached.database)}, tail{wal_of(database->path()), std::move(attached.state), attached.committed} {}

    std::shared_ptr<FollowedDatabase> database;
    WalTail tail;
    LogSink* sink = nullptr;  ///< nothing beside a follower: records are made and not kept
    Instant read_at;          ///< everything committed before then was read
    Instant next_cycle;
    std::chrono::microseconds cycle_pause = cycle_pause_first;
    std::pair<Salts, std::uint32_t> cycled;  ///< generation and frame that a cycle completed: the next writer begins it anew

    bool cycle_due(Instant now) const {
        const auto& state = tail.state();
        return state.frame >= cycle_frames && now >= next_cycle && cycled != std::pair{state.salts, state.frame};
    }
};

Follower::Follower(std::filesystem::path path, std::filesystem::path state_dir, Pools& pools, Clock& clock)
    : path_{std::move(path)}, saved_{std::move(state_dir)}, pools_{pools}, clock_{clock} {}
Follower::~Follower() = default;

LogPosition Follower::position_of(const TailState& state) const {
    return {state.lineage, state.position, words_of(state.number)};
}

Task<std::shared_ptr<Follower::Live>> Follower::attach(std::optional<LogPosition> from) {
    auto work = [path = path_, saved = saved_, from] { return from ? attach_at(path, saved, *from) : attach_anew(path, saved); };
    auto attached = co_await on_pool(pools_.blocking, std::move(work));
    auto live = std::make_shared<Live>(std::move(attached));
    live->tail.on_new_generation = [saved = saved_, database = live->database](const TailState& state) {
        failpoint("sqlite.begun_anew");
        saved.keep_generation(saved_state(state, *database));
        failpoint("sqlite.kept");
    };
    co_return live;
}

Task<> Follower::follow(std::optional<LogPosition> from, LogSink& sink) {
    sink.throw_if_blocked();
    std::shared_ptr<Live> live;
    try {
        const auto alone = co_await turn();
        live = co_await attach(from);
        live->sink = &sink;
        co_await begin(*live);
        live_ = live;
    } catch (const Error& error) {
        if (error.fault() == Fault::missing && from) lost_ = from;
        throw;
    }
    lost_.reset();
    distrusted_.clear();
    std::exception_ptr end;
    try {
        co_await follow_live(*live);
    } catch (...) {
        end = std::current_exception();
    }
    live_.reset();
    co_await asio::this_coro::throw_if_cancelled(false);
    if (!live->tail.in_record()) {
        auto keep = [saved = saved_, live] { saved.keep_stop(saved_state(live->tail.state(), *live->database)); };
        co_await shielded(on_pool(pools_.blocking, std::move(keep)));
    }
    try {
        if (end) std::rethrow_exception(end);
    } catch (const Error& error) {
        if (error.fault() == Fault::missing) lost_ = position_of(live->tail.state());
        throw;
    }
}

Task<> Follower::begin(Live& live) {
    const auto& state = live.tail.state();
    co_await live.sink->begin_lineage({.name = state.lineage,
                                       .begins_at = first_position,
                                       .parent = {},
                                       .facts = {{"page_size", std::to_string(state.pages.page_size())}}});
    if (state.position == first_position) co_await append(live, {live.tail.note(RecordKind::begin, {}, clock_.now())});
}

Task<Budget::Share> Follower::turn() {
    if (!turn_) turn_.emplace(co_await asio::this_coro::executor, 1);
    co_return co_await turn_->take(1);
}

Task<> Follower::follow_live(Live& live) {
    auto pause = active_pause;
    for (;;) {
        if (!distrusted_.empty()) throw Error{Fault::missing, distrusted_};
        bool found = false;
        {
            const auto alone = co_await turn();
            found = co_await pass(live);
            if (live.cycle_due(clock_.now())) co_await cycle(live);
        }
        pause = found ? active_pause : std::min(pause * 2, idle_pause_max);
        co_await clock_.sleep_for(pause);
    }
}

/// Reads what was committed since, and hands the reader over. False: nothing was.
Task<bool> Follower::pass(Live& live) {
    const auto database = live.database;
    const auto& state = live.tail.state();
    auto index = co_await on_pool(pools_.blocking, [database] { return database->index(); });
    live.read_at = clock_.now();
    const bool new_frames = index.last_frame != state.frame || (state.has_wal && index.salts != state.salts);
    if (new_frames && index.last_frame > 0) {
        index = co_await on_pool(pools_.blocking, [database] {
            database->renew_reader();
            return database->index();
        });
        live.read_at = clock_.now();
        for (;;) {
            auto read = [&tail = live.tail, index, at = live.read_at] { return tail.read(index, at, bytes_at_once); };
            auto pieces = co_await on_pool(pools_.blocking, std::move(read));
            if (pieces.empty()) break;
            co_await append(live, std::move(pieces));
        }
        co_await on_pool(pools_.blocking, [database] { database->let_go(); });
    }
    if (live.sink != nullptr) live.sink->known_through(state.position, live.read_at);
    co_return new_frames&& index.last_frame > 0;
}

Task<> Follower::append(Live& live, std::vector<RecordPiece> pieces) {
    if (live.sink == nullptr) co_return;
    const auto& state = live.tail.state();
    for (auto& piece : pieces) {
        LogRun run;
        run.first = {state.lineage, piece.from, {}};
        run.last = {state.lineage, piece.from + piece.bytes.size(), words_of(state.number)};
        if (piece.moment) run.moments.push_back(*piece.moment);
        run.bytes = std::move(piece.bytes);
        co_await live.sink->append(std::move(run));
    }
}

Task<bool> Follower::durable_within(Live& live, std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    const auto& state = live.tail.state();
    for (;;) {
        const auto durable = live.sink->durable();
        if (durable && durable->lineage == state.lineage && durable->at >= state.position) co_return true;
        if (std::chrono::steady_clock::now() >= until) co_return false;
        co_await clock_.sleep_for(look_again);
    }
}

/// What a cycle holds the application's write lock with. Closing the connections gives it back.
struct Follower::Lock {
    std::unique_ptr<Connection> writer, checkpointer;
    bool taken = false;
};

/// Stores, and brings into the database file, what was read, until little is left to do under the lock. False: it does not get
/// little, because the store is slow or the application writes faster than it is archived. With the turn.
Task<bool> Follower::approach(Live& live, Connection& checkpointer) {
    for (int round = 0; round < approach_rounds; ++round) {
        co_await live.sink->seal();
        if (!co_await durable_within(live, approach_patience)) co_return false;
        const auto durable_to = live.tail.state().position;
        co_await on_pool(pools_.blocking, [&checkpointer] { checkpointer.checkpoint_passively(); });
        co_await pass(live);
        if (live.tail.state().position - durable_to <= undurable_max) co_return true;
    }
    co_return false;
}

/// Leaves the WAL ready to be begun anew, or as it was. With the turn.
Task<> Follower::cycle(Live& live) {
    live.next_cycle = clock_.now() + cycle_pause_first;
    const auto database = live.database;
    auto connect = [database] { return std::make_shared<Lock>(database->connect(), database->connect(), false); };
    const auto lock = co_await on_pool(pools_.blocking, std::move(connect));
    if (!co_await approach(live, *lock->checkpointer)) {
        live.next_cycle = clock_.now() + live.cycle_pause;
        live.cycle_pause = std::min<std::chrono::microseconds>(live.cycle_pause * 2, cycle_pause_max);
        co_return;
    }
    live.cycle_pause = cycle_pause_first;
    failpoint("sqlite.approached");
    auto take = [database, lock] {
        lock->taken = lock->writer->try_begin_writing(lock_patience);
        return lock->taken ? database->index() : WalIndex{};
    };
    const auto index = co_await on_pool(pools_.blocking, std::move(take));
    failpoint("sqlite.locked");
    const auto& state = live.tail.state();
    // Nobody writes now. A large transaction that came just before is read without the lock, as always.
    if (lock->taken && index.last_frame <= state.frame + cycle_frames && co_await finish_cycle(live, lock))
        live.cycled = {state.salts, state.frame};
    co_await on_pool(pools_.blocking, [lock] { lock->writer->end(); });
    failpoint("sqlite.unlocked");
}

/// Under the lock.
Task<bool> Follower::finish_cycle(Live& live, std::shared_ptr<Lock> lock) {
    co_await pass(live);
    co_await live.sink->seal();
    if (!co_await durable_within(live, durable_patience)) co_return false;
    failpoint("sqlite.stored");
    auto finish = [database = live.database, lock, frames = static_cast<int>(live.tail.state().frame)] {
        const auto done = checkpoint_soon(*lock->checkpointer);
        if (!done.complete() || done.frames != frames) return false;
        failpoint("sqlite.checkpointed");
        database->renew_reader();
        failpoint("sqlite.renewed");
        database->let_go();
        return true;
    };
    co_return co_await on_pool(pools_.blocking, std::move(finish));
}

Task<LogPosition> Follower::position() {
    if (const auto live = live_) {
        const auto alone = co_await turn();
        co_await pass(*live);
        co_return position_of(live->tail.state());
    }
    if (lost_) co_return LogPosition{lost_->lineage, lost_->at + 1, "an unknown transaction"};
    const auto known = co_await on_pool(pools_.blocking, [saved = saved_] { return saved.find(); });
    if (!known.empty()) co_return position_of(known.front().tail);
    co_return LogPosition{LineageName{"none"}, 0, "no log yet"};
}

Task<LogPosition> Follower::mark(std::string name) {
    if (!live_)
        throw Error{Fault::refused, "a mark is a record of the log, and nobody follows it in this process"}.hint(
            "Marks are made by the service: start it, or run varve log follow beside this.");
    const auto live = live_;
    const auto alone = co_await turn();
    co_await pass(*live);
    co_await append(*live, {live->tail.note(RecordKind::mark, name, clock_.now())});
    co_await live->sink->seal();
    co_return position_of(live->tail.state());
}

Task<std::shared_ptr<const BaseSnapshot>> Follower::snapshot() {
    const auto alone = co_await turn();
    if (live_) co_return co_await snapshot_of(live_);
    auto attach = [path = path_, saved = saved_] { return attach_anywhere(path, saved); };
    auto attached = co_await on_pool(pools_.blocking, std::move(attach));
    co_return co_await snapshot_of(std::make_shared<Live>(std::move(attached)));
}

Task<std::shared_ptr<const BaseSnapshot>> Follower::snapshot_of(std::shared_ptr<Live> live) {
    auto base = std::make_shared<BaseSnapshot>();
    base->database = live->database;
    auto begin = [database = live->database] {
        auto reader = database->connect();
        reader->begin_reading();
        return reader;
    };
    base->reader = co_await on_pool(pools_.blocking, std::move(begin));
    co_await pass(*live);
    base->state = live->tail.state();
    base->time = live->read_at;
    auto look = [base] {
        // What was read is what the reader sees, or later: the reader keeps anything beyond out of the database file.
        auto index = base->database->index();
        const auto& state = base->state;
        SnapshotPoint point{.page_size = state.pages.page_size(),
                            .pages = state.pages.pages(),
                            .salts = state.salts,
                            .frame = state.frame,
                            .in_file = index.salts != state.salts || index.backfilled >= state.frame};
        base->wal = base->database->open_wal();
        base->snapshot = std::make_shared<Snapshot>(base->database->file(), base->wal, point);
        return base;
    };
    co_return co_await on_pool(pools_.blocking, std::move(look));
}

}  // namespace varve::sqlite

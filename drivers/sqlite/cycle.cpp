// The checkpoint cycle. While a reader of ours is open nobody resets the WAL, so it would grow for ever. A cycle:
//   1. stores what was read and brings it into the database file, without any lock, until little is left
//   2. takes the application's write lock: nobody commits
//   3. reads the rest and waits until it is durable
//   4. brings the rest into the database file
//   5. begins a new reader, which needs no frame any more, and ends the old one
//   6. gives the lock back: the next writer begins the WAL anew
// From 2 to 6 passes a quarter of a second at most. Whatever does not come true in time ends the cycle, and the WAL stays as it
// is.
#include <algorithm>
#include <thread>

#include "sqlite/live.hpp"
#include "varve/error.hpp"
#include "varve/failpoint.hpp"
#include "varve/log.hpp"

namespace varve::sqlite {

namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t rest_bytes_max = 8U << 20;  ///< of log and of frames, left for the time under the lock
constexpr int approach_rounds = 8;
constexpr std::chrono::milliseconds approach_patience{2000};
constexpr std::chrono::milliseconds lock_patience{100};  ///< to get the lock
constexpr std::chrono::milliseconds lock_time{200};      ///< to have it
constexpr std::chrono::milliseconds backfill_time{60};   ///< of that, for what comes after the log is durable
constexpr std::chrono::milliseconds approach_time{160};  ///< for storing and bringing in, or it would be no faster under the lock
constexpr std::chrono::milliseconds look_again{5};
constexpr int checkpoint_tries = 4;

/// Another process may be checkpointing just now.
Checkpoint checkpoint_soon(Connection& connection) {
    for (int tries = 1;; ++tries) {
        const auto done = connection.checkpoint_passively();
        if (!done.busy || tries == checkpoint_tries) return done;
        std::this_thread::sleep_for(look_again);
    }
}

}  // namespace

/// What a cycle holds the application's write lock with. Closing the connections gives it back.
struct Follower::Lock {
    std::unique_ptr<Connection> writer, checkpointer;
    bool taken = false;
};

Task<bool> Follower::durable_until(Live& live, steady_clock::time_point until) {
    const auto& state = live.tail.state();
    for (;;) {
        const auto durable = live.sink->durable();
        if (durable && durable->lineage == state.lineage && durable->at >= state.position) co_return true;
        if (steady_clock::now() >= until) co_return false;
        co_await clock_.sleep_for(look_again);
    }
}

/// Until as little is left as is stored and brought in within the time of the lock: what came in during a round takes about as
/// long as the round did. False: it does not get so little, because the store or the disk is slow, a reader needs old frames, or
/// the application writes faster than it is archived.
Task<bool> Follower::approach(Live& live, Connection& checkpointer) {
    const auto& state = live.tail.state();
    const std::uint64_t page = state.pages.page_size();
    co_await pass_on(live);
    for (int round = 0; round < approach_rounds; ++round) {
        const auto began = steady_clock::now();
        co_await live.sink->seal();
        if (!co_await durable_until(live, began + approach_patience)) co_return false;
        const auto durable_to = state.position;
        const auto done = co_await on_pool(pools_.blocking, [&checkpointer] { return checkpointer.checkpoint_passively(); });
        const bool quick = steady_clock::now() - began <= approach_time;
        co_await pass_on(live);
        const auto in_file = done.busy ? 0 : static_cast<std::uint64_t>(std::max(done.backfilled, 0));
        const auto rest = state.frame > in_file ? (state.frame - in_file) * page : 0;
        if (quick && state.position - durable_to <= rest_bytes_max && rest <= rest_bytes_max) co_return true;
    }
    co_return false;
}

Task<> Follower::cycle(Live& live) {
    live.next_cycle = clock_.now() + live.cycle_pause;
    live.cycle_pause = std::min<std::chrono::microseconds>(live.cycle_pause * 2, cycle_pause_max);
    const auto database = live.database;
    auto connect = [database] { return std::make_shared<Lock>(database->connect(), database->connect(), false); };
    const auto lock = co_await on_pool(pools_.blocking, std::move(connect));
    if (!co_await approach(live, *lock->checkpointer)) co_return;
    failpoint("sqlite.approached");
    steady_clock::time_point until;
    auto take = [database, lock, &until] {
        lock->taken = lock->writer->try_begin_writing(lock_patience);
        until = steady_clock::now() + lock_time;
        return lock->taken ? database->index() : WalIndex{};
    };
    const auto index = co_await on_pool(pools_.blocking, std::move(take));
    failpoint("sqlite.locked");
    const auto& state = live.tail.state();
    // A large transaction that came just before is read without the lock, as always.
    const auto frames_max = state.frame + rest_bytes_max / state.pages.page_size();
    if (lock->taken && index.last_frame <= frames_max && co_await finish_cycle(live, lock, until)) {
        live.cycled = {state.salts, state.frame};
        live.next_cycle = clock_.now() + cycle_pause_first;
        live.cycle_pause = cycle_pause_first;
    }
    co_await on_pool(pools_.blocking, [lock] { lock->writer->end(); });
    failpoint("sqlite.unlocked");
}

/// Under the lock.
Task<bool> Follower::finish_cycle(Live& live, std::shared_ptr<Lock> lock, steady_clock::time_point until) {
    co_await pass(live);
    co_await live.sink->seal();
    if (!co_await durable_until(live, until - backfill_time)) co_return false;
    failpoint("sqlite.stored");
    auto finish = [database = live.database, lock, until, frames = static_cast<int>(live.tail.state().frame)] {
        if (steady_clock::now() >= until) return false;
        // The reader may be older than the last frame that was read, and would keep it out of the file.
        database->renew_reader();
        database->let_go();
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

}  // namespace varve::sqlite

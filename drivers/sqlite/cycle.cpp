// The checkpoint cycle. While a reader of ours is open nobody resets the WAL, so it would grow for ever. A cycle:
//   1. stores what was read, lets the reader go on, and brings what the WAL has into the database file; no lock is needed
//   2. when nobody committed meanwhile, the reader goes on once more: it needs no frame now, and the next writer begins the WAL
//   anew
// Where somebody always commits, the WAL grows to several times the size, and then
//   3. takes the application's write lock: nobody commits
//   4. reads the rest, and stores it while it is brought into the database file
//   5. begins a new reader, which needs no frame any more, and ends the old one
//   6. gives the lock back: the next writer begins the WAL anew
// From 3 to 6 passes a quarter of a second at most. Whatever does not come true in time ends the cycle, and the WAL stays as it
// is. The reader goes on only when all that it kept is durable: a WAL is never begun anew before that.
#include <algorithm>
#include <thread>

#include "sqlite/live.hpp"
#include "varve/async.hpp"
#include "varve/error.hpp"
#include "varve/failpoint.hpp"
#include "varve/log.hpp"

namespace varve::sqlite {

namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t rest_bytes_max = 8U << 20;  ///< of log and of frames, left for the time under the lock
constexpr std::chrono::seconds quiet_pause_max{4};  ///< until the next look for a moment without commits
constexpr int approach_rounds = 8;
constexpr std::chrono::milliseconds approach_patience{2000};
constexpr std::chrono::milliseconds lock_patience{100};  ///< to get the lock
constexpr std::chrono::milliseconds lock_time{200};      ///< to have it
constexpr std::chrono::milliseconds renew_time{20};      ///< of that, for what comes after the log is durable
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

/// Until nothing at all is left, which needs no lock, or as little as is stored and brought in within the time of the lock: what
/// came in during a round takes about as long as the round did. `far`: it does not get so little, because the store or the disk
/// is slow, a reader needs old frames, or the application writes faster than it is archived.
Task<Follower::Approach> Follower::approach(Live& live, Connection& checkpointer) {
    const auto& state = live.tail.state();
    const std::uint64_t page = state.pages.page_size();
    Checkpoint done;
    co_await pass(live);
    for (int round = 0; round < approach_rounds; ++round) {
        const auto began = steady_clock::now();
        co_await live.sink->seal();
        if (!co_await durable_until(live, began + approach_patience)) co_return Approach::far;
        const auto durable_to = state.position;
        const auto all_in_file = [&] { return done.complete() && done.frames == static_cast<int>(state.frame); };
        const bool was_in_file = all_in_file();
        co_await pass_on(live);
        failpoint("sqlite.carried_on");
        if (was_in_file && all_in_file()) co_return Approach::over;
        done = co_await on_pool(pools_.blocking, [&checkpointer] { return checkpointer.checkpoint_passively(); });
        const bool quick = steady_clock::now() - began <= approach_time;
        co_await pass(live);
        if (all_in_file()) continue;
        const auto in_file = done.busy ? 0 : static_cast<std::uint64_t>(std::max(done.backfilled, 0));
        const auto rest = state.frame > in_file ? (state.frame - in_file) * page : 0;
        if (quick && state.position - durable_to <= rest_bytes_max && rest <= rest_bytes_max) co_return Approach::near;
    }
    co_return Approach::far;
}

Task<> Follower::cycle(Live& live) {
    const auto pause =
        std::exchange(live.cycle_pause, std::min<std::chrono::microseconds>(live.cycle_pause * 2, cycle_pause_max));
    live.next_cycle = clock_.now() + pause;
    const auto database = live.database;
    auto connect = [database] { return std::make_shared<Lock>(database->connect(), database->connect(), false); };
    const auto lock = co_await on_pool(pools_.blocking, std::move(connect));
    const auto approached = co_await approach(live, *lock->checkpointer);
    bool complete = approached == Approach::over;
    if (approached == Approach::near) {
        failpoint("sqlite.approached");
        if (live.lock_due())
            complete = co_await cycle_locked(live, lock);
        else
            live.cycle_pause = std::min<std::chrono::microseconds>(live.cycle_pause, quiet_pause_max);
    }
    if (!complete) co_return;
    live.cycled = {live.tail.state().salts, live.tail.state().frame};
    live.next_cycle = clock_.now() + cycle_pause_first;
    live.cycle_pause = cycle_pause_first;
}

Task<bool> Follower::cycle_locked(Live& live, std::shared_ptr<Lock> lock) {
    const auto database = live.database;
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
    const bool complete = lock->taken && index.last_frame <= frames_max && co_await finish_cycle(live, lock, until);
    co_await on_pool(pools_.blocking, [lock] { lock->writer->end(); });
    failpoint("sqlite.unlocked");
    co_return complete;
}

/// Under the lock.
Task<bool> Follower::finish_cycle(Live& live, std::shared_ptr<Lock> lock, steady_clock::time_point until) {
    const auto database = live.database;
    co_await pass(live);
    co_await live.sink->seal();
    bool in_file = false, stored = false;
    auto bring_in = [database, lock, &in_file, frames = static_cast<int>(live.tail.state().frame)] {
        // The reader may be older than the last frame that was read, and would keep it out of the file. At that frame it goes on
        // to keep the WAL: only what it kept so far, all of it durable, may be in the file already.
        database->renew_reader();
        database->let_go();
        const auto done = checkpoint_soon(*lock->checkpointer);
        in_file = done.complete() && done.frames == frames;
        failpoint("sqlite.checkpointed");
    };
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(on_pool(pools_.blocking, bring_in));
        stored = co_await durable_until(live, until - renew_time);
        failpoint("sqlite.stored");
    });
    if (!stored || !in_file || steady_clock::now() >= until) co_return false;
    auto renew = [database] {
        database->renew_reader();
        failpoint("sqlite.renewed");
        database->let_go();
    };
    co_await on_pool(pools_.blocking, std::move(renew));
    co_return true;
}

}  // namespace varve::sqlite

/// For files that spawn: task groups, hops to a pool, limits. Bodies include this; contracts include varve/task.hpp.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "varve/task.hpp"

namespace varve {

namespace asio = boost::asio;

/// The threads that take values and give values back; all state stays on the io thread. The io context outlives the pools: join
/// them before it ends.
struct Pools {
    asio::thread_pool& cpu;       ///< reading, hashing, compressing, sealing of bulk data: one thread a core
    asio::thread_pool& log;       ///< the same for logs, so that a log record never waits behind a base backup
    asio::thread_pool& blocking;  ///< fsync, directory walks, connecting, SQL: at least eight threads
};

/// Runs `fn` on `pool` and resumes the caller on its own executor with what it returned or threw.
/// `fn` runs to its end even when the caller is cancelled; the caller sees the stop at its next await.
template <class Fn>
auto on_pool(asio::thread_pool& pool, Fn fn) -> Task<std::invoke_result_t<Fn>> {
    using Result = std::invoke_result_t<Fn>;
    using Held = std::conditional_t<std::is_void_v<Result>, bool, Result>;
    using Value = std::optional<Held>;
    auto start = [&pool](auto resume, Fn body) {
        auto home = asio::prefer(asio::get_associated_executor(resume), asio::execution::outstanding_work.tracked);
        asio::post(pool, [home, resume = std::move(resume), body = std::move(body)]() mutable {
            Value value;
            std::exception_ptr failure;
            try {
                if constexpr (std::is_void_v<Result>) {
                    body();
                    value.emplace(true);
                } else {
                    value.emplace(body());
                }
            } catch (...) {
                failure = std::current_exception();
            }
            asio::post(home, [resume = std::move(resume), failure, value = std::move(value)]() mutable {
                std::move(resume)(failure, std::move(value));
            });
        });
    };
    auto value = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::exception_ptr, Value)>(
        start, asio::use_awaitable, std::move(fn));
    if constexpr (!std::is_void_v<Result>) co_return std::move(*value);
}

/// Owns child coroutines: none outlives the group, their first failure stops the others and is thrown by run() and join().
/// A child that ends because it was stopped has not failed. io thread only.
///
/// A stop reaches a task at an await, as Asio's operation_aborted or as Fault::cancelled (is_stop() knows both), and stays:
/// every later await of that task throws too, so a task that catches failures and goes on still stops.
class TaskGroup {
public:
    explicit TaskGroup(asio::any_io_executor executor);
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;
    ~TaskGroup();

    /// Starts `child` soon, never within this call. A child that comes after a stop ends before it begins.
    void spawn(Task<> child);
    /// Asks every child, and the body of run(), to end. Does not wait.
    void request_stop();
    bool failed() const noexcept;
    /// Waits until every child has ended; throws the first failure. For the body of run(): a stop ends the wait at once,
    /// because run() goes on waiting.
    Task<> join();
    /// Runs `body`, which may spawn, and ends when it and every child have ended. A child's failure stops the body, the body's
    /// failure or a stop of the caller stops the children. Throws the first failure, else Fault::cancelled when stopped.
    Task<> run(Task<> body);

private:
    struct State;
    std::shared_ptr<State> state_;  // shared with the children's last words
};

/// Runs `body(group)` with a group of its own; every child has ended when this returns or throws.
/// What the children use must live outside `body`: its frame ends before they do.
template <class Body>
Task<> in_group(Body body) {
    TaskGroup group{co_await asio::this_coro::executor};
    co_await group.run(body(group));
}

/// Runs `task` to its end even when the caller is stopped meanwhile: to give back what is held. A caller that may have been
/// stopped before writes both lines; the second one makes its awaits throw again.
///
///     co_await asio::this_coro::throw_if_cancelled(false);
///     co_await shielded(give_back());
Task<> shielded(Task<> task);

/// A flag tasks can wait for. notify() wakes everyone who waits now; callers check their condition in a loop, with no other
/// await between the check and the wait. io thread only.
class Signal {
public:
    explicit Signal(asio::any_io_executor executor);
    void notify();
    /// Ends at the next notify(); Fault::cancelled when stopped before.
    Task<> wait();
    /// As wait(), or when `pause` has passed: false.
    Task<bool> wait_for(std::chrono::microseconds pause);

private:
    struct Waiter;
    asio::any_io_executor executor_;
    std::vector<std::weak_ptr<Waiter>> waiters_;
};

/// A counted budget (bytes, slots) that tasks take from and wait for, first come first served. A waiter that is stopped lets
/// those behind it pass. Outlives its shares. io thread only.
class Budget {
public:
    Budget(asio::any_io_executor executor, std::uint64_t total);

    /// A share of the budget, given back when this ends.
    class Share {
    public:
        Share() = default;
        Share(Budget& budget, std::uint64_t amount) : budget_{&budget}, amount_{amount} {}
        Share(Share&& other) noexcept : budget_{std::exchange(other.budget_, nullptr)}, amount_{other.amount_} {}
        Share& operator=(Share&& other) noexcept;
        ~Share() { give_back(); }
        void give_back() noexcept;

    private:
        Budget* budget_ = nullptr;
        std::uint64_t amount_ = 0;
    };

    /// Waits for `amount`; more than the total counts as the total, so that one large item passes alone.
    Task<Share> take(std::uint64_t amount);
    std::uint64_t free() const noexcept { return free_; }

private:
    struct Waiter;
    void grant() noexcept;

    asio::any_io_executor executor_;
    std::uint64_t total_;
    std::uint64_t free_;
    std::list<std::weak_ptr<Waiter>> queue_;
};

/// Runs `make(item)` for every item of `items`, at most `at_once` together; ends when all have ended.
/// The first failure stops the others and is thrown. `items` must outlive the task.
template <class Range, class Make>
Task<> for_each_limited(unsigned at_once, Range& items, Make make) {
    // The children's things live here, and not in the body, which ends before them.
    Budget slots{co_await asio::this_coro::executor, at_once};
    auto one = [&make](auto& item, Budget::Share share) -> Task<> {
        const auto held = std::move(share);
        co_await make(item);
    };
    auto body = [&](TaskGroup& group) -> Task<> {
        for (auto& item : items) {
            auto share = co_await slots.take(1);
            group.spawn(one(item, std::move(share)));
        }
    };
    co_await in_group(body);
}

/// Ends at once, unless the running task was asked to stop: then it throws, as every await does. For long loops without one.
Task<> check_stop();

}  // namespace varve

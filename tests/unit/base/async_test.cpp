#include "varve/async.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "support/manual_clock.hpp"
#include "support/run.hpp"
#include "varve/error.hpp"

namespace varve::test {
namespace {

/// A task that the test starts, stops and looks at.
struct Started {
    asio::cancellation_signal stop;
    bool ended = false;
    std::exception_ptr failure;

    void start(asio::io_context& io, Task<> task) {
        asio::co_spawn(io, std::move(task), asio::bind_cancellation_slot(stop.slot(), [this](std::exception_ptr why) {
                           ended = true;
                           failure = std::move(why);
                       }));
    }
    void request_stop() { stop.emit(asio::cancellation_type::terminal); }
};

void poll(asio::io_context& io) {
    io.restart();
    io.poll();
}

/// Waits for good; says in `ended` when it was unwound.
Task<> hang(asio::any_io_executor executor, int& ended) {
    struct Leave {
        int& count;
        ~Leave() { ++count; }
    } const leave{ended};
    Signal never{executor};
    co_await never.wait();
}

Task<> fail(Fault fault) {
    throw Error{fault, "failed on purpose"};
    co_return;
}

Fault fault_of(std::exception_ptr failure) { return error_of(std::move(failure)).fault(); }

/// The fault that `task` ends with.
Fault fault_of(asio::io_context& io, Task<> task) {
    try {
        run(io, std::move(task));
    } catch (...) {
        return error_of(std::current_exception()).fault();
    }
    FAIL("it did not fail");
    return Fault::defect;
}

TEST_CASE("a value and a failure both come back from a pool") {
    asio::io_context io;
    TestPools pools;
    const auto loop = std::this_thread::get_id();

    const auto there = run(io, on_pool(pools.blocking_threads, [] { return std::this_thread::get_id(); }));
    CHECK(there != loop);
    CHECK_THROWS_AS(run(io, on_pool(pools.blocking_threads, [] { throw Error{Fault::corrupt, "bad"}; })), Error);
    CHECK_NOTHROW(run(io, on_pool(pools.blocking_threads, [] {})));
}

TEST_CASE("work on a pool runs to its end when its caller is stopped, and the caller stops at its next await") {
    asio::io_context io;
    TestPools pools;
    std::atomic<bool> may_end{false}, worked{false};
    bool went_on = false;
    auto body = [&]() -> Task<> {
        co_await on_pool(pools.blocking_threads, [&] {
            while (!may_end) std::this_thread::yield();
            worked = true;
        });
        went_on = true;
        co_await check_stop();
        FAIL("the stop was lost");
    };
    Started started;
    started.start(io, body());
    poll(io);
    started.request_stop();
    may_end = true;
    io.restart();
    io.run();

    CHECK(worked);
    CHECK(went_on);
    CHECK(fault_of(started.failure) == Fault::cancelled);
}

TEST_CASE("a failing child stops its siblings and the body, and its failure is thrown") {
    asio::io_context io;
    int unwound = 0;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(hang(io.get_executor(), unwound));
        group.spawn(fail(Fault::corrupt));
        co_await hang(io.get_executor(), unwound);
    };

    CHECK(fault_of(io, in_group(body)) == Fault::corrupt);
    CHECK(unwound == 2);
}

TEST_CASE("a failing body stops the children before it is thrown") {
    asio::io_context io;
    int unwound = 0;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(hang(io.get_executor(), unwound));
        co_await asio::post(io, asio::use_awaitable);
        throw Error{Fault::denied, "no"};
    };

    CHECK(fault_of(io, in_group(body)) == Fault::denied);
    CHECK(unwound == 1);
}

TEST_CASE("a body that fails before its first await still ends its children") {
    asio::io_context io;
    int unwound = 0;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(hang(io.get_executor(), unwound));
        throw Error{Fault::denied, "no"};
        co_return;
    };

    CHECK(fault_of(io, in_group(body)) == Fault::denied);
    CHECK(unwound <= 1);
}

TEST_CASE("a stop of the caller ends body and children, and every later await of the caller throws as well") {
    asio::io_context io;
    int unwound = 0;
    bool lost = false;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(hang(io.get_executor(), unwound));
        group.spawn(hang(io.get_executor(), unwound));
        co_await group.join();
    };
    auto outer = [&]() -> Task<> {
        try {
            co_await in_group(body);
        } catch (const Error&) {  // a loop that catches and tries again
        }
        co_await check_stop();
        lost = true;
    };
    Started started;
    started.start(io, outer());
    poll(io);
    REQUIRE_FALSE(started.ended);
    started.request_stop();
    poll(io);

    REQUIRE(started.ended);
    CHECK(unwound == 2);
    CHECK(fault_of(started.failure) == Fault::cancelled);
    CHECK_FALSE(lost);
}

TEST_CASE("a child that goes on for a while after a stop is waited for") {
    asio::io_context io;
    TestPools pools;
    std::atomic<bool> may_end{false};
    bool child_ended = false;
    auto child = [&]() -> Task<> {
        co_await on_pool(pools.blocking_threads, [&] {
            while (!may_end) std::this_thread::yield();
        });
        child_ended = true;
    };
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(child());
        co_return;
    };
    Started started;
    started.start(io, in_group(body));
    poll(io);
    started.request_stop();
    poll(io);
    CHECK_FALSE(started.ended);
    may_end = true;
    io.restart();
    io.run();

    CHECK(child_ended);
    CHECK(started.ended);
}

TEST_CASE("a stop that the group asked for itself is no failure") {
    asio::io_context io;
    int unwound = 0;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(hang(io.get_executor(), unwound));
        co_await asio::post(io, asio::use_awaitable);
        co_await asio::post(io, asio::use_awaitable);
        group.request_stop();
    };

    CHECK_NOTHROW(run(io, in_group(body)));
    CHECK(unwound == 1);
}

// A coroutine that stops itself before it ever suspended made co_spawn itself throw in Boost 1.81, past the group.
TEST_CASE("a child that stops its group before its first await ends like any other") {
    asio::io_context io;
    auto suicidal = [](TaskGroup& group) -> Task<> {
        group.request_stop();
        co_return;
    };
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(suicidal(group));
        co_return;
    };

    CHECK_NOTHROW(run(io, in_group(body)));
}

TEST_CASE("a child that is spawned after the failure does not keep the group waiting") {
    asio::io_context io;
    int unwound = 0;
    TaskGroup group{io.get_executor()};
    group.spawn(fail(Fault::corrupt));
    poll(io);
    REQUIRE(group.failed());
    group.spawn(hang(io.get_executor(), unwound));

    CHECK(fault_of(io, group.join()) == Fault::corrupt);
}

TEST_CASE("a stop from outside the loop reaches children, also when they have just ended") {
    asio::io_context io;
    int unwound = 0;
    TaskGroup group{io.get_executor()};
    group.spawn(hang(io.get_executor(), unwound));
    group.spawn([]() -> Task<> { co_return; }());
    for (int turns = 0; turns < 6; ++turns) {
        io.restart();
        io.poll_one();
    }
    group.request_stop();

    CHECK_NOTHROW(run(io, group.join()));
    CHECK(unwound == 1);
}

TEST_CASE("nested groups unwind from the inside out") {
    asio::io_context io;
    int unwound = 0;
    auto inner = [&](TaskGroup& group) -> Task<> {
        for (int n = 0; n < 3; ++n) group.spawn(hang(io.get_executor(), unwound));
        co_return;
    };
    auto outer = [&](TaskGroup& group) -> Task<> {
        group.spawn(in_group(inner));
        group.spawn(in_group(inner));
        co_await asio::post(io, asio::use_awaitable);
        co_await asio::post(io, asio::use_awaitable);
        co_await asio::post(io, asio::use_awaitable);
        throw Error{Fault::invalid, "enough"};
    };

    CHECK(fault_of(io, in_group(outer)) == Fault::invalid);
    CHECK(unwound == 6);
}

TEST_CASE("a loop taken down with a group in it leaks and touches nothing") {
    int unwound = 0;
    auto io = std::make_unique<asio::io_context>();
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(hang(io->get_executor(), unwound));
        co_await group.join();
    };
    asio::co_spawn(*io, in_group(body), asio::detached);
    io->poll();
    io.reset();
    CHECK(unwound == 1);
}

TEST_CASE("a shielded task runs to its end for a caller that was stopped, and the stop stays") {
    asio::io_context io;
    int steps = 0;
    int unwound = 0;
    auto give_back = [&]() -> Task<> {
        for (int n = 0; n < 3; ++n) {
            co_await asio::post(io, asio::use_awaitable);
            ++steps;
        }
    };
    auto outer = [&]() -> Task<> {
        std::exception_ptr failure;
        try {
            co_await hang(io.get_executor(), unwound);
        } catch (...) {
            failure = std::current_exception();
        }
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await shielded(give_back());
        std::rethrow_exception(failure);
    };
    auto retrying = [&]() -> Task<> {
        for (;;) {
            try {
                co_await outer();
            } catch (const Error&) {
            }
        }
    };
    Started started;
    started.start(io, retrying());
    poll(io);
    started.request_stop();
    poll(io);

    CHECK(steps == 3);
    CHECK(started.ended);
}

TEST_CASE("a second stop does not reach into a shielded task") {
    asio::io_context io;
    Signal go{io.get_executor()};
    bool done = false;
    auto give_back = [&]() -> Task<> {
        co_await go.wait();
        done = true;
    };
    auto outer = [&]() -> Task<> { co_await shielded(give_back()); };
    Started started;
    started.start(io, outer());
    poll(io);
    started.request_stop();
    poll(io);
    CHECK_FALSE(started.ended);
    go.notify();
    poll(io);

    CHECK(done);
    CHECK(started.ended);
}

TEST_CASE("a signal wakes everyone who waits, and nobody who comes later") {
    asio::io_context io;
    Signal signal{io.get_executor()};
    int woken = 0;
    auto one = [&]() -> Task<> {
        co_await signal.wait();
        ++woken;
    };
    Started first, second, later;
    first.start(io, one());
    second.start(io, one());
    poll(io);
    signal.notify();
    later.start(io, one());
    poll(io);
    CHECK(woken == 2);
    signal.notify();
    poll(io);
    CHECK(woken == 3);
}

TEST_CASE("a wait with a limit ends by itself, and a stopped wait says so") {
    asio::io_context io;
    Signal signal{io.get_executor()};
    CHECK_FALSE(run(io, signal.wait_for(std::chrono::milliseconds{1})));

    Started started;
    started.start(io, [](Signal& on) -> Task<> { co_await on.wait_for(std::chrono::hours{1}); }(signal));
    poll(io);
    started.request_stop();
    poll(io);
    REQUIRE(started.ended);
    CHECK(fault_of(started.failure) == Fault::cancelled);
}

/// Takes `amount`, notes the order, and holds it until `leave` is notified.
Task<> hold(Budget& budget, std::uint64_t amount, int name, std::vector<int>& order, Signal& leave) {
    const auto share = co_await budget.take(amount);
    order.push_back(name);
    co_await leave.wait();
}

TEST_CASE("a budget serves in the order of asking, a small one does not overtake a large one") {
    asio::io_context io;
    Budget budget{io.get_executor(), 10};
    Signal leave{io.get_executor()};
    std::vector<int> order;
    Started tasks[4];
    const std::uint64_t amounts[] = {8, 9, 1, 2};
    for (int name = 0; name < 4; ++name) {
        tasks[name].start(io, hold(budget, amounts[name], name, order, leave));
        poll(io);
    }
    CHECK(order == std::vector{0});
    leave.notify();
    poll(io);
    CHECK(order == std::vector{0, 1, 2});
    leave.notify();
    poll(io);
    CHECK(order == std::vector{0, 1, 2, 3});
    leave.notify();
    poll(io);
    CHECK(budget.free() == 10);
}

TEST_CASE("a stopped waiter lets those behind it pass") {
    asio::io_context io;
    Budget budget{io.get_executor(), 10};
    Signal leave{io.get_executor()};
    std::vector<int> order;
    Started holder, large, small;
    holder.start(io, hold(budget, 6, 0, order, leave));
    poll(io);
    large.start(io, hold(budget, 9, 1, order, leave));
    poll(io);
    small.start(io, hold(budget, 3, 2, order, leave));
    poll(io);
    CHECK(order == std::vector{0});

    large.request_stop();
    poll(io);
    CHECK(fault_of(large.failure) == Fault::cancelled);
    CHECK(order == std::vector{0, 2});
    leave.notify();
    poll(io);
    CHECK(budget.free() == 10);
}

TEST_CASE("a share granted and stopped in the same turn is given back") {
    asio::io_context io;
    Budget budget{io.get_executor(), 1};
    Signal leave{io.get_executor()};
    std::vector<int> order;
    Started waiting;
    {
        const Budget::Share share = run(io, budget.take(1));
        waiting.start(io, hold(budget, 1, 0, order, leave));
        poll(io);
    }
    waiting.request_stop();
    poll(io);
    CHECK(waiting.ended);
    CHECK(budget.free() == 1);
}

TEST_CASE("more than the whole budget counts as the whole") {
    asio::io_context io;
    Budget budget{io.get_executor(), 4};
    {
        const auto share = run(io, budget.take(100));
        CHECK(budget.free() == 0);
    }
    CHECK(budget.free() == 4);
}

TEST_CASE("no more than the limit run together, and every item is visited") {
    asio::io_context io;
    int now = 0, most = 0, sum = 0;
    std::vector<int> items(20);
    for (int n = 0; n < 20; ++n) items[static_cast<std::size_t>(n)] = n;
    auto visit = [&](int item) -> Task<> {
        most = std::max(most, ++now);
        co_await asio::post(io, asio::use_awaitable);
        co_await asio::post(io, asio::use_awaitable);
        --now;
        sum += item;
    };
    run(io, for_each_limited(3, items, visit));
    CHECK(most == 3);
    CHECK(sum == 190);
}

TEST_CASE("the first failing item stops the others and is thrown") {
    asio::io_context io;
    int unwound = 0;
    std::vector<int> items{0, 1, 2, 3, 4, 5};
    auto visit = [&](int item) -> Task<> {
        if (item == 2) throw Error{Fault::missing, "the third"};
        co_await hang(io.get_executor(), unwound);
    };
    CHECK(fault_of(io, for_each_limited(4, items, visit)) == Fault::missing);
    CHECK(unwound >= 2);
}

// The slots stood in the body's frame once: a stop while it waited for one destroyed them under the children's feet.
TEST_CASE("a stop while items wait for their turn ends all of them") {
    asio::io_context io;
    int unwound = 0;
    std::vector<int> items{0, 1, 2, 3, 4, 5};
    auto visit = [&](int) -> Task<> { co_await hang(io.get_executor(), unwound); };
    Started started;
    started.start(io, for_each_limited(2, items, visit));
    poll(io);
    started.request_stop();
    poll(io);
    REQUIRE(started.ended);
    CHECK(unwound == 2);
    CHECK(fault_of(started.failure) == Fault::cancelled);
}

TEST_CASE("the hands of a manual clock move its sleepers") {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    int runs = 0;
    auto nightly = [&]() -> Task<> {
        for (;;) {
            co_await clock.sleep_for(std::chrono::hours{24});
            ++runs;
        }
    };
    Started started;
    started.start(io, nightly());
    poll(io);
    for (int day = 0; day < 3; ++day) {
        clock.advance(std::chrono::hours{24});
        poll(io);
    }
    CHECK(runs == 3);
    started.request_stop();
    poll(io);
    CHECK(started.ended);
}

}  // namespace
}  // namespace varve::test

#include "stores/retrying_store.hpp"

#include <catch2/catch.hpp>

#include "contract/store_contract.hpp"
#include "stores/memory_store.hpp"
#include "stores/posix_store.hpp"
#include "support/faulty_stores.hpp"
#include "support/manual_clock.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "varve/log.hpp"

namespace varve::test {
namespace {

using namespace std::chrono_literals;

/// A memory store, a fault around it, and retries around both; sleeping takes no time.
struct Bench {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    MemoryStore memory{clock};
    FailingAfter faulty;
    RetryingStore store;

    explicit Bench(int calls, FailingAfter::Options options, RetryLimits limits = {})
        : faulty{memory, calls, std::move(options)}, store{{std::shared_ptr<void>{}, &faulty}, clock, "test", limits, 1} {
        clock.step_by_itself();
        set_log_level(LogLevel::error);
    }
    ~Bench() { set_log_level(LogLevel::info); }
};

TEST_CASE("a posix store behind retries keeps the store contract", "[contract]") {
    const TempDir folder;
    asio::io_context io;
    TestPools pools;
    ManualClock clock{io.get_executor()};
    PosixStore::create(folder / "repository");
    RetryingStore store{std::make_shared<PosixStore>(folder / "repository", pools.blocking_threads, clock), clock, "local"};
    keeps_the_store_contract(io, store);
}

TEST_CASE("a call that failed once is repeated after a pause, whether it had done its work or not") {
    const auto when = GENERATE(FailingAfter::When::before, FailingAfter::When::after);
    const auto fault = GENERATE(Fault::unreachable, Fault::overloaded);
    Bench bench{0, {.when = when, .fault = fault, .once = true}};
    const auto start = bench.clock.now();

    CHECK_NOTHROW(run(bench.io, bench.store.put(ObjectKey{"a"}, view_of("a"))));
    CHECK(bench.faulty.failures() == 1);
    CHECK(bench.clock.now() > start);
    CHECK(bench.memory.keys() == std::vector<std::string>{"a"});
}

TEST_CASE("a remove whose answer was lost is a success when it is repeated") {
    Bench bench{1, {.when = FailingAfter::When::after, .once = true}};
    run(bench.io, bench.store.put(ObjectKey{"a"}, view_of("a")));

    CHECK_NOTHROW(run(bench.io, bench.store.remove(ObjectKey{"a"})));
    CHECK(bench.memory.size() == 0);
    CHECK_THROWS_AS(run(bench.io, bench.store.remove(ObjectKey{"a"})), Error);
}

TEST_CASE("what cannot help is not repeated") {
    const auto fault = GENERATE(Fault::denied, Fault::corrupt, Fault::missing, Fault::conflict, Fault::refused, Fault::cancelled);
    Bench bench{0, {.fault = fault}};

    CHECK_THROWS_AS(run(bench.io, bench.store.get(ObjectKey{"a"})), Error);
    CHECK(bench.faulty.failures() == 1);
}

TEST_CASE("a barrier is never repeated") {
    Bench bench{0, {.fault = Fault::unreachable}};

    CHECK_THROWS_AS(run(bench.io, bench.store.barrier()), Error);
    CHECK(bench.faulty.failures() == 1);
}

TEST_CASE("a store that stays away is given up after the last try, and pauses grow to their limit") {
    Bench bench{0, {}, {.tries_max = 8, .first_pause = 100ms, .pause_max = 1s}};
    const auto start = bench.clock.now();

    try {
        run(bench.io, bench.store.find(ObjectKey{"a"}));
        FAIL("it answered");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::unreachable);
        CHECK(error.context().at("tries") == "8");
    }
    CHECK(bench.faulty.failures() == 8);
    const auto waited = bench.clock.now() - start;  // 100, 200, 400, 800 and three times 1000 ms, each at least half
    CHECK(waited >= 2250ms);
    CHECK(waited <= 4500ms);
}

TEST_CASE("a listing cut in the middle goes on behind the last key and visits none twice") {
    Bench bench{100, {}};
    for (const auto* key : {"a", "b", "c", "d"}) run(bench.io, bench.store.put(ObjectKey{key}, view_of(key)));
    class Cut final : public HookedStore {
    public:
        using HookedStore::HookedStore;
        Task<> list(std::string prefix, std::string after, ObjectVisitor& visitor) override {
            Listing some{cut_ ? SIZE_MAX : 2};
            co_await HookedStore::list(prefix, after, some);
            for (const auto& object : some.objects) visitor.visit(object);
            if (!std::exchange(cut_, true)) throw Error{Fault::unreachable, "the link went down"};
        }

    private:
        Task<> before(std::string, ObjectKey) override { co_return; }
        Task<> after(std::string, ObjectKey) override { co_return; }
        bool cut_ = false;
    } cut{bench.memory};
    RetryingStore store{{std::shared_ptr<void>{}, &cut}, bench.clock, "test", {}, 1};

    CHECK(run(bench.io, list_keys(store)) == std::vector<std::string>{"a", "b", "c", "d"});
}

TEST_CASE("a stop ends the pause between two tries") {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    MemoryStore memory{clock};
    FailingAfter faulty{memory, 0};
    RetryingStore store{{std::shared_ptr<void>{}, &faulty}, clock, "test", {}, 1};
    set_log_level(LogLevel::error);
    auto waiting = [&](TaskGroup& group) -> Task<> {
        group.spawn([](Store& on) -> Task<> { (void)co_await on.find(ObjectKey{"a"}); }(store));
        while (clock.sleepers() == 0) co_await asio::post(io, asio::use_awaitable);
        group.request_stop();
    };

    CHECK_NOTHROW(run(io, in_group(waiting)));
    set_log_level(LogLevel::info);
}

}  // namespace
}  // namespace varve::test

#include "stores/memory_store.hpp"

#include <catch2/catch.hpp>

#include "contract/store_contract.hpp"
#include "support/faulty_stores.hpp"
#include "support/manual_clock.hpp"
#include "support/run.hpp"

namespace varve::test {
namespace {

TEST_CASE("the memory store keeps the store contract", "[contract]") {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    MemoryStore store{clock};
    keeps_the_store_contract(io, store);
}

TEST_CASE("a power cut takes what was put, and gives back what was removed, since the last barrier") {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    MemoryStore store{clock};
    for (const auto* key : {"a", "b", "c"}) run(io, store.put(ObjectKey{key}, view_of(key)));
    run(io, store.barrier());
    run(io, store.remove(ObjectKey{"a"}));
    run(io, store.put(ObjectKey{"d"}, view_of("d")));
    run(io, store.remove(ObjectKey{"b"}));
    run(io, store.put(ObjectKey{"b"}, view_of("other")));

    store.lose_power();

    CHECK(store.keys() == std::vector<std::string>{"a", "b", "c"});
    CHECK(text_of(run(io, store.get(ObjectKey{"b"}))) == "b");
}

TEST_CASE("a faulty store fails at the call it was told to, before or after the work") {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    MemoryStore store{clock};
    const auto when = GENERATE(FailingAfter::When::before, FailingAfter::When::after);
    FailingAfter faulty{store, 1, {.when = when, .once = true}};

    CHECK_NOTHROW(run(io, faulty.put(ObjectKey{"a"}, view_of("a"))));
    CHECK_THROWS_AS(run(io, faulty.put(ObjectKey{"b"}, view_of("b"))), Error);
    CHECK(store.size() == (when == FailingAfter::When::before ? 1 : 2));
    CHECK_NOTHROW(run(io, faulty.put(ObjectKey{"b"}, view_of("b"))));
    CHECK(faulty.failures() == 1);
    CHECK(faulty.calls() == std::vector<std::string>{"put a", "put b", "put b"});
}

TEST_CASE("a gate holds calls back until it is opened") {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    MemoryStore store{clock};
    GateStore gate{store, io.get_executor(), "put"};
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(gate.put(ObjectKey{"a"}, view_of("a")));
        group.spawn(gate.put(ObjectKey{"b"}, view_of("b")));
        co_await gate.until_waiting(2);
        CHECK(store.size() == 0);
        gate.open();
    };
    run(io, in_group(body));
    CHECK(store.size() == 2);
    CHECK(gate.waiting() == 0);
}

}  // namespace
}  // namespace varve::test

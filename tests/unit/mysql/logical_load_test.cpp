#include "mysql/logical_load.hpp"

#include <catch2/catch.hpp>

#include "support/fault_of.hpp"
#include "support/run.hpp"

namespace varve::mysql {
namespace {

constexpr std::size_t blocks = 20;  // more than a queue holds

Task<> feed(RowQueue& rows) {
    for (std::size_t i = 0; i < blocks; ++i) {
        auto block = to_bytes(view_of(std::to_string(i)));
        if (!co_await rows.push(std::move(block))) co_return;
    }
    rows.close();
}

std::size_t take_all(RowQueue& rows) {
    std::size_t taken = 0;
    while (rows.pull()) ++taken;
    return taken;
}

// A restore stood still where it loaded as many tables at a time as the pool of its threads had: each of them waited for rows,
// and to hand one over took a thread as well.
TEST_CASE("rows are handed over though every thread of the pool waits for some", "[mysql]") {
    asio::io_context io;
    test::TestPools pools;
    std::vector<std::size_t> taken;
    auto load = [&](RowQueue& rows) -> Task<> {
        const auto count = co_await on_pool(pools.pools.blocking, [&rows] { return take_all(rows); });
        taken.push_back(count);
    };
    auto all = [&]() -> Task<> {
        RowQueue one{io.get_executor()}, other{io.get_executor()};
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(load(one));
            group.spawn(load(other));
            co_await feed(one);
            co_await feed(other);
        });
    };

    test::run(io, all());

    CHECK(taken == std::vector<std::size_t>{blocks, blocks});
}

TEST_CASE("whoever hands over rows that nobody takes any more is told so", "[mysql]") {
    asio::io_context io;
    test::TestPools pools;
    bool wanted = true;
    auto all = [&]() -> Task<> {
        RowQueue rows{io.get_executor()};
        auto give_up = [&]() -> Task<> {
            co_await on_pool(pools.pools.blocking, [&rows] {
                rows.pull();
                rows.abandon();
            });
        };
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(give_up());
            while (wanted) {
                auto block = to_bytes(view_of("row\n"));
                wanted = co_await rows.push(std::move(block));
            }
        });
        CHECK(fault_of([&] { rows.pull(); }) == Fault::cancelled);
    };

    test::run(io, all());

    CHECK(!wanted);
}

}  // namespace
}  // namespace varve::mysql

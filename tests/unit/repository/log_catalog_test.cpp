// Which lineages there are, which was written to last, and where a follower goes on.
#include "repository/log_catalog.hpp"

#include <catch2/catch.hpp>

#include "repository/log_store.hpp"
#include "support/fault_of.hpp"
#include "support/faulty_stores.hpp"
#include "support/log_objects.hpp"

using namespace varve;
using namespace varve::test;

namespace {

const LineageName first{"7/1"}, second{"7/2"};

Instant at(const char* time) { return from_rfc3339(std::string{"2026-11-23T"} + time + "Z"); }

/// Two required copies, and one that holds only the first or the second of them.
struct Pair {
    TestRepository desk{RepositoryMode::managed, 2};
    std::unique_ptr<Repository> both = open({0, 1});

    std::unique_ptr<Repository> open(std::vector<std::size_t> which) {
        std::vector<Copy> copies;
        for (const auto index : which)
            copies.push_back({RepositoryName{"copy" + std::to_string(index)}, desk.stores[index], true});
        return run(desk.io, Repository::open(std::make_shared<Copies>(copies), desk.keys.host_keys, desk.pools.pools));
    }
    void put(Repository& into, LogSample sample) { run(desk.io, put_sample(into, std::move(sample))); }
    LogCatalog catalog() { return run(desk.io, LogCatalog::read(*both, test_source)); }
};

}  // namespace

TEST_CASE("a lineage of which every log object is damaged does not hide the others") {
    TestRepository desk;
    const auto repository = desk.open();
    const auto put = [&](LogSample sample) { return run(desk.io, put_sample(*repository, std::move(sample))); };
    put({.bytes = bytes_of(50, 1)});
    for (const auto& key :
         {put({.lineage = second, .bytes = bytes_of(50, 2)}), put({.lineage = second, .from = 50, .bytes = bytes_of(50, 3)})})
        desk.damage(0, key, desk.stores[0]->bytes_of(key).size() / 2);

    const auto catalog = run(desk.io, LogCatalog::read(*repository, test_source));

    REQUIRE(catalog.lineages().size() == 1);
    CHECK(catalog.tip()->position.at == 50);
    REQUIRE(catalog.unreadable().size() == 1);
    CHECK(catalog.unreadable().front().objects == 2);
    CHECK_NOTHROW(catalog.require_readable(first));
    const auto log = make_log_source(*repository, test_source, catalog, {});
    CHECK(fault_of([&] { log->read(second, 0, 10); }) == Fault::corrupt);
}

TEST_CASE("the lineage written to last is the one whose newest object says so, whatever the files' times are") {
    TestRepository desk;
    const auto repository = desk.open();
    const auto put = [&](LogSample sample) { run(desk.io, put_sample(*repository, std::move(sample))); };
    put({.lineage = second, .bytes = bytes_of(50, 2), .stored = at("03:00:00")});
    desk.clock.advance(std::chrono::hours{5});  // a copy of the repository is made: the older objects come last
    put({.lineage = first, .bytes = bytes_of(50, 1), .stored = at("02:30:00")});

    const auto catalog = run(desk.io, LogCatalog::read(*repository, test_source));

    CHECK(catalog.tip()->lineage.name == second);
    CHECK(catalog.tip()->stored_at == at("03:00:00"));
    CHECK(catalog.find(first)->stretches.back().stored_at < catalog.find(second)->stretches.back().stored_at);
}

TEST_CASE("what a required copy lacks of a new lineage is not acknowledged, though it has none of it") {
    // The first object of timeline 2 was stored in one copy and refused by the other; then the service was started again.
    Pair pair;
    pair.put(*pair.both, {.lineage = first, .bytes = bytes_of(100, 1)});
    pair.put(*pair.open({0}),
             {.lineage = second, .from = 80, .bytes = bytes_of(50, 2), .stored = at("03:00:00"), .begins_at = 80});

    CHECK(pair.catalog().tip()->position == LogPosition{second, 80, "at 80"});
}

TEST_CASE("a required copy without any log of the source is new and holds nobody back") {
    Pair pair;
    pair.put(*pair.open({0}), {.lineage = first, .bytes = bytes_of(100, 1)});

    CHECK(pair.catalog().tip()->position.at == 100);
}

TEST_CASE("the newest commit before the tip is that of the tip, not of what only one copy has") {
    Pair pair;
    pair.put(*pair.both, {.bytes = bytes_of(50, 1), .last_commit = at("02:00:01")});
    pair.put(*pair.open({0}), {.from = 50, .bytes = bytes_of(50, 1), .last_commit = at("02:00:09")});

    const auto tip = pair.catalog().tip();

    CHECK(tip->position.at == 50);
    CHECK(tip->last_commit == at("02:00:01"));
}

TEST_CASE("an object without a known commit tells none, and a history without log is no tip") {
    TestRepository desk;
    const auto repository = desk.open();
    run(desk.io, put_sample(*repository, {.bytes = bytes_of(50, 1)}));
    run(desk.io,
        put_sample(*repository, {.lineage = second, .from = 40, .stored = at("09:00:00"), .facts = {{"history", "text"}}}));

    const auto catalog = run(desk.io, LogCatalog::read(*repository, test_source));

    CHECK_FALSE(catalog.find(first)->stretches.back().last_commit);
    CHECK(catalog.tip()->lineage.name == first);
    REQUIRE(catalog.find(second));
    CHECK(catalog.find(second)->stretches.empty());
    CHECK(catalog.find(second)->lineage.facts.at("history") == "text");
}

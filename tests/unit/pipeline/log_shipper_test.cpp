#include "pipeline/log_shipper.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <catch2/catch.hpp>

#include "support/manual_clock.hpp"
#include "support/run.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;
using varve::test::ManualClock;

namespace {

const LineageName line{"line"};

LogRun run_of(std::uint64_t from, std::size_t count, LineageName lineage = line) {
    LogRun run;
    run.first = {lineage, from, std::to_string(from)};
    run.last = {lineage, from + count, std::to_string(from + count)};
    for (std::size_t at = 0; at < count; ++at) run.bytes.push_back(static_cast<std::uint8_t>(from + at));
    return run;
}

Lineage lineage_named(std::string name) {
    return {.name = LineageName{std::move(name)}, .begins_at = 0, .parent = {}, .facts = {}};
}

/// Takes what it is given, unless it is told to refuse.
class Shelf final : public LogDestination {
public:
    Task<> put_log(std::shared_ptr<const LogBatch> batch) override {
        ++tries;
        if (refusals > 0) {
            --refusals;
            throw Error{Fault::overloaded, "full"};
        }
        batches.push_back(*batch);
        co_return;
    }
    Task<> put_gap(Lineage, Gap gap) override {
        gaps.push_back(gap);
        co_return;
    }

    int tries = 0, refusals = 0;
    std::vector<LogBatch> batches;
    std::vector<Gap> gaps;
};

struct Fixture {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    Shelf shelf;
    LogShipper shipper{io.get_executor(),
                       clock,
                       shelf,
                       {.interval = 10s, .object_bytes_max = 100, .frame_bytes_max = 16, .held_bytes_max = 200},
                       SourceName{"pg"}};
    asio::cancellation_signal stop;
    bool ended = false;

    Fixture() {
        asio::co_spawn(io, shipper.run(),
                       asio::bind_cancellation_slot(stop.slot(), [this](std::exception_ptr) { ended = true; }));
        settle();
        test::run(io, shipper.begin_lineage(lineage_named("line")));
    }
    ~Fixture() {
        stop.emit(asio::cancellation_type::terminal);
        settle();
    }
    void settle() {
        io.restart();
        io.poll();
    }
    void append(LogRun run) {
        test::run(io, shipper.append(std::move(run)));
        settle();
    }
    void advance(std::chrono::microseconds by) {
        clock.advance(by);
        settle();
    }
};

Bytes bytes_in(const std::vector<LogBatch>& batches) {
    Bytes all;
    for (const auto& batch : batches)
        for (const auto& frame : batch.frames) append(all, frame);
    return all;
}

}  // namespace

TEST_CASE("log waits at most the ship interval after its first byte, and an idle source stores nothing") {
    Fixture ship;
    ship.append(run_of(0, 10));
    ship.advance(9s);
    CHECK(ship.shelf.batches.empty());
    ship.append(run_of(10, 10));
    ship.advance(1s);

    REQUIRE(ship.shelf.batches.size() == 1);
    CHECK(ship.shelf.batches[0].from.at == 0);
    CHECK(ship.shelf.batches[0].to.at == 20);
    CHECK(ship.shelf.batches[0].frame_from == std::vector<std::uint64_t>{0, 16});
    CHECK(ship.shipper.durable()->at == 20);

    ship.advance(1h);
    CHECK(ship.shelf.tries == 1);
}

TEST_CASE("a full object goes at once") {
    Fixture ship;
    ship.append(run_of(0, 60));
    ship.append(run_of(60, 60));

    REQUIRE(ship.shelf.batches.size() == 1);
    CHECK(ship.shipper.durable()->at == 120);
}

TEST_CASE("a refusing repository moves nothing, is told of, and gets every byte in order when it answers again") {
    Fixture ship;
    ship.shelf.refusals = 3;
    ship.append(run_of(0, 100));
    ship.append(run_of(100, 50));
    CHECK_FALSE(ship.shipper.durable());
    CHECK_THROWS_AS(ship.shipper.throw_if_blocked(), Error);
    CHECK(ship.shipper.waiting_since());

    for (int turn = 0; turn < 4; ++turn) ship.advance(10s);

    CHECK_NOTHROW(ship.shipper.throw_if_blocked());
    CHECK(ship.shipper.durable()->at == 150);
    CHECK(bytes_in(ship.shelf.batches) == run_of(0, 150).bytes);
    CHECK_FALSE(ship.shipper.waiting_since());
    CHECK(ship.shipper.held_bytes() == 0);
}

TEST_CASE("after a reconnect what is sent again is neither lost nor stored twice") {
    Fixture ship;
    ship.shelf.refusals = 1;
    ship.append(run_of(0, 100));   // under way, refused once
    ship.append(run_of(100, 30));  // not an object yet: forgotten
    test::run(ship.io, ship.shipper.begin_lineage(lineage_named("line")));

    ship.append(run_of(0, 120));  // the server begins again at what is durable: nothing
    ship.append(run_of(120, 40));
    for (int turn = 0; turn < 3; ++turn) ship.advance(10s);

    CHECK(bytes_in(ship.shelf.batches) == run_of(0, 160).bytes);
    CHECK(ship.shipper.durable()->at == 160);
}

// A commit that was received, not sealed and dropped at a reconnect stood as "last commit" in the next object's name: the archive
// seemed to reach further than it did.
TEST_CASE("a commit that was dropped with its bytes is not carried on to the next object") {
    Fixture ship;
    const auto noon = from_rfc3339("2026-11-23T12:00:00Z");
    auto first = run_of(0, 100);
    first.moments = {{.at = 50, .time = noon}};
    ship.append(first);
    auto dropped = run_of(100, 30);
    dropped.moments = {{.at = 125, .time = noon + 5min}};
    ship.append(dropped);
    test::run(ship.io, ship.shipper.begin_lineage(lineage_named("line")));
    ship.append(run_of(100, 20));
    ship.advance(10s);

    REQUIRE(ship.shelf.batches.size() == 2);
    CHECK(ship.shelf.batches[1].last_commit == noon);
}

TEST_CASE("a hole that nobody declared is a defect, and a declared one is stored before the log goes on") {
    Fixture ship;
    ship.append(run_of(0, 10));
    CHECK_THROWS_AS(ship.append(run_of(20, 5)), Error);

    test::run(ship.io, ship.shipper.record_gap({.from = {line, 10, "10"}, .to = {line, 20, "20"}, .reason = "lost"}));
    ship.append(run_of(20, 5));
    ship.advance(10s);

    CHECK(ship.shelf.gaps.size() == 1);
    REQUIRE(ship.shelf.batches.size() == 2);
    CHECK(ship.shelf.batches[1].from.at == 20);
}

TEST_CASE("another lineage begins anywhere, after what was held of the old one") {
    Fixture ship;
    ship.append(run_of(0, 10));
    test::run(ship.io, ship.shipper.begin_lineage(lineage_named("branch")));
    ship.append(run_of(5, 10, LineageName{"branch"}));
    ship.advance(10s);

    REQUIRE(ship.shelf.batches.size() == 2);
    CHECK(ship.shelf.batches[0].lineage.name == line);
    CHECK(ship.shelf.batches[1].from.at == 5);
    CHECK(ship.shipper.durable()->lineage == LineageName{"branch"});
}

// A driver whose lineage is made of files tells it again with each of them, in the middle of its stream.
TEST_CASE("a lineage that is told again behind a seal loses nothing, and what is durable is told with its newest facts") {
    Fixture ship;
    CHECK_FALSE(ship.shipper.durable_lineage());
    ship.append(run_of(0, 10));
    ship.shelf.refusals = 1;
    test::run(ship.io, ship.shipper.seal());
    auto again = lineage_named("line");
    again.facts["files"] = "second";
    test::run(ship.io, ship.shipper.begin_lineage(again));
    ship.append(run_of(10, 10));
    ship.advance(10s);

    REQUIRE(ship.shelf.batches.size() == 2);
    CHECK(bytes_in(ship.shelf.batches).size() == 20);
    CHECK(ship.shelf.batches[0].lineage.facts.empty());
    CHECK(ship.shelf.batches[1].lineage.facts == again.facts);
    REQUIRE(ship.shipper.durable_lineage());
    CHECK(ship.shipper.durable_lineage()->facts == again.facts);

    test::run(ship.io, ship.shipper.begin_lineage(lineage_named("branch")));
    CHECK_FALSE(ship.shipper.durable_lineage());
}

TEST_CASE("drain says whether everything is durable") {
    Fixture ship;
    ship.append(run_of(0, 10));
    CHECK(test::run(ship.io, ship.shipper.drain(10s)));
    CHECK(ship.shipper.durable()->at == 10);

    ship.shelf.refusals = 1000;
    ship.append(run_of(10, 10));
    CHECK_FALSE(test::run(ship.io, ship.shipper.drain(1ms)));
}

TEST_CASE("a moment that lies before what is stored already is not stored again") {
    Fixture ship;
    test::run(ship.io, ship.shipper.append(run_of(0, 100)));
    ship.settle();
    test::run(ship.io, ship.shipper.begin_lineage(lineage_named("line")));
    auto run = run_of(90, 30);
    run.moments = {{.at = 95, .time = ship.clock.now()}, {.at = 110, .time = ship.clock.now() + 1s}};
    ship.append(run);
    ship.advance(10s);

    REQUIRE(ship.shelf.batches.size() == 2);
    REQUIRE(ship.shelf.batches[1].moments.size() == 1);
    CHECK(ship.shelf.batches[1].moments[0].at == 110);
    CHECK(ship.shelf.batches[1].last_commit == ship.clock.now() - 10s + 1s);
}

TEST_CASE("log that is sent again after a cut is stored from where it begins, although nothing of its lineage was durable") {
    Fixture ship;
    // The driver streams again from the beginning; what was held before the cut is forgotten, and must not be passed over.
    const bool after_a_switch = GENERATE(false, true);
    auto name = line;
    if (after_a_switch) {
        ship.append(run_of(0, 20));
        ship.advance(10s);
        name = LineageName{"child"};
        test::run(ship.io, ship.shipper.begin_lineage(lineage_named("child")));
        ship.append(run_of(10, 30, name));
    } else {
        ship.append(run_of(10, 30));
    }

    test::run(ship.io, ship.shipper.begin_lineage(lineage_named(name.text())));
    ship.append(run_of(10, 40, name));
    ship.advance(10s);

    CHECK(ship.shelf.batches.back().from.at == 10);
    CHECK(ship.shelf.batches.back().to.at == 50);
    CHECK(ship.shelf.batches.back().lineage.name == name);
}

TEST_CASE("objects of another lineage under way do not say where this one goes on") {
    Fixture ship;
    ship.shelf.refusals = 1'000;
    ship.append(run_of(0, 90));
    test::run(ship.io, ship.shipper.seal());
    test::run(ship.io, ship.shipper.begin_lineage(lineage_named("child")));
    ship.append(run_of(50, 30, LineageName{"child"}));

    test::run(ship.io, ship.shipper.begin_lineage(lineage_named("child")));
    ship.append(run_of(50, 45, LineageName{"child"}));
    ship.shelf.refusals = 0;
    for (int step = 0; step < 4; ++step) ship.advance(10s);

    REQUIRE(ship.shelf.batches.size() == 2);
    CHECK(ship.shelf.batches.back().from.at == 50);
    CHECK(ship.shelf.batches.back().to.at == 95);
}

TEST_CASE("a commit of the parent counts in a new lineage only when the lineage has it") {
    Fixture ship;
    const auto parted_at = GENERATE(15U, 20U);
    auto run = run_of(0, 20);
    run.moments = {{.at = 18, .time = Instant{5s}}};
    ship.append(std::move(run));
    auto child = lineage_named("child");
    child.parent = LogPosition{.lineage = line, .at = parted_at, .text = {}};

    test::run(ship.io, ship.shipper.begin_lineage(child));
    ship.append(run_of(parted_at, 10, child.name));
    ship.advance(10s);

    REQUIRE(ship.shelf.batches.size() == 2);
    CHECK(ship.shelf.batches.back().last_commit.has_value() == (parted_at == 20U));
}

TEST_CASE("after a gap the log goes on behind it, although older objects still wait to be stored") {
    Fixture ship;
    ship.shelf.refusals = 1'000;
    ship.append(run_of(0, 90));
    test::run(ship.io, ship.shipper.seal());
    test::run(ship.io, ship.shipper.record_gap({.from = {line, 90, {}}, .to = {line, 500, {}}, .reason = "gone"}));
    test::run(ship.io, ship.shipper.begin_lineage(lineage_named("line")));

    ship.append(run_of(500, 20));
    ship.shelf.refusals = 0;
    for (int step = 0; step < 4; ++step) ship.advance(10s);

    REQUIRE(ship.shelf.batches.size() == 2);
    CHECK(ship.shelf.batches.back().from.at == 500);
}

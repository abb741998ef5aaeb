#include "varve/clock.hpp"

#include <catch2/catch.hpp>

#include "support/run.hpp"
#include "varve/error.hpp"

namespace varve::test {
namespace {

using namespace std::chrono_literals;

const Instant two_o_clock = Instant{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}} + 2h;

TEST_CASE("a time is printed with its fraction only when there is one") {
    CHECK(to_rfc3339(two_o_clock) == "2026-11-23T02:00:00Z");
    CHECK(to_rfc3339(two_o_clock + 1us) == "2026-11-23T02:00:00.000001Z");
    CHECK(to_rfc3339(Instant{} - 1us) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("every way of writing one instant is read as this instant") {
    const auto text =
        GENERATE("2026-11-23T02:00:00Z", "2026-11-23 02:00:00Z", "2026-11-23t02:00:00z", "2026-11-23T03:00:00+01:00",
                 "2026-11-22T20:30:00-0530", "2026-11-23T04:00+02", "2026-11-23T02:00:00.000000000Z");
    CAPTURE(text);
    CHECK(from_rfc3339(text) == two_o_clock);
}

TEST_CASE("what is not a time, and a time without an offset, is refused") {
    const auto text =
        GENERATE("", "yesterday", "2026-11-23", "2026-11-23T02:00:00", "2026-02-30T02:00:00Z", "2026-13-01T02:00:00Z",
                 "2026-11-23T24:00:00Z", "2026-11-23T02:60:00Z", "2026-11-23T02:00:00.Z", "2026-11-23T02:00:00Zx",
                 "2026-11-23T02:00:00+1", "2026-11-23T02:00:00+01:", "2026-11-23T02:00:00+24:00");
    CAPTURE(text);
    CHECK_THROWS_AS(from_rfc3339(text), Error);
}

TEST_CASE("reading keeps microseconds and cuts what is finer") {
    CHECK(from_rfc3339("2026-11-23T02:00:00.5Z") == two_o_clock + 500ms);
    CHECK(from_rfc3339("2026-11-23T02:00:00.1234567Z") == two_o_clock + 123456us);
}

TEST_CASE("a stamp in a key and an instant are each other's inverse, to the second") {
    CHECK(to_stamp(two_o_clock + 999999us) == "20261123T020000Z");
    CHECK(find_stamp("20261123T020000Z") == two_o_clock);
    const auto text =
        GENERATE("", "20261123T020000", "20261123T020000Zx", "20261323T020000Z", "2026-123T020000Z", "20261123 020000Z");
    CHECK_FALSE(find_stamp(text));
}

TEST_CASE("the machine's clock sleeps until then, not at all when that is past, and stops on request") {
    asio::io_context io;
    SystemClock clock;
    const auto before = std::chrono::steady_clock::now();
    run(io, clock.sleep_for(5ms));
    CHECK(std::chrono::steady_clock::now() - before >= 5ms);
    run(io, clock.sleep_until(clock.now() - 24h));

    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(clock.sleep_until(Instant::max()));
        co_await clock.sleep_for(1ms);
        group.request_stop();
    };
    CHECK_NOTHROW(run(io, in_group(body)));
}

}  // namespace
}  // namespace varve::test

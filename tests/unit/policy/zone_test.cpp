#include "policy/zone.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "c_library_clock.hpp"
#include "policy/zone_database.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

const std::vector<std::string> zones{"UTC",
                                     "Europe/Paris",
                                     "Europe/Dublin",
                                     "America/New_York",
                                     "America/Scoresbysund",
                                     "America/Sao_Paulo",
                                     "Australia/Lord_Howe",
                                     "Africa/Casablanca",
                                     "Asia/Jerusalem",
                                     "Asia/Kolkata",
                                     "Pacific/Apia",
                                     "Pacific/Chatham"};

Instant at(std::chrono::year_month_day date, std::chrono::microseconds time = {}) { return std::chrono::sys_days{date} + time; }

}  // namespace

TEST_CASE("a zone shows what the C library shows, from 1972 to 2090") {
    const auto name = GENERATE(from_range(zones));
    CAPTURE(name);
    const auto& zone = zone_named(name);
    const test::CLibraryClock oracle{name};
    std::mt19937_64 random{Catch::rngSeed()};
    std::uniform_int_distribution<std::int64_t> seconds{63072000, 3786912000};

    for (int i = 0; i < 5000; ++i) {
        const Instant when{std::chrono::seconds{seconds(random)}};
        const auto expected = oracle.wall(when).tm_gmtoff;
        if (zone.offset_at(when).count() != expected) {
            CAPTURE(when.time_since_epoch().count());
            REQUIRE(zone.offset_at(when).count() == expected);
        }
    }
}

TEST_CASE("every instant is among those that its own wall time names") {
    const auto name = GENERATE(from_range(zones));
    CAPTURE(name);
    const auto& zone = zone_named(name);
    for (const auto year : {2011, 2026, 2040}) {
        const auto start = at(std::chrono::year{year} / 1 / 1);
        for (auto when = start; when < start + 366 * 24h; when += 15min) {
            const auto named = zone.instants(zone.wall(when)).instants;
            if (std::ranges::find(named, when) == named.end() || named.size() > 2) FAIL(when.time_since_epoch().count());
        }
    }
}

TEST_CASE("a wall time that is jumped over names no instant, one that comes twice names two") {
    using namespace std::chrono;
    const auto& paris = zone_named("Europe/Paris");

    const auto jumped = paris.instants(local_days{2026y / 3 / 29} + 2h + 30min);
    CHECK(jumped.instants.empty());
    REQUIRE(jumped.skipped);
    CHECK(Instant{jumped.skipped->at} == at(2026y / 3 / 29, 1h));
    CHECK(paris.instant(local_days{2026y / 3 / 29} + 2h + 30min) == at(2026y / 3 / 29, 1h));

    const auto twice = paris.instants(local_days{2045y / 10 / 29} + 2h + 30min);
    REQUIRE(twice.instants.size() == 2);
    CHECK(twice.instants[0] == at(2045y / 10 / 29, 30min));
    CHECK(twice.instants[1] == at(2045y / 10 / 29, 90min));
}

TEST_CASE("a zone may skip a whole day") {
    using namespace std::chrono;
    const auto& apia = zone_named("Pacific/Apia");

    const auto missing = apia.instants(local_days{2011y / 12 / 30} + 12h);

    CHECK(missing.instants.empty());
    REQUIRE(missing.skipped);
    CHECK(Instant{missing.skipped->at} == at(2011y / 12 / 30, 10h));
}

TEST_CASE("zone rules of every form are read") {
    const auto julian = parse_zone_rule("<-03>3<-02>,J60/0,J300/0");
    CHECK(julian.standard == -3h);
    CHECK(julian.daylight == -2h);
    CHECK(julian.to_daylight.day == 60);
    CHECK(parse_zone_rule("EST5EDT,0/0,J365/25").to_standard.time == 25h);
    CHECK(parse_zone_rule("<+0545>-5:45").standard == 5h + 45min);
    CHECK_FALSE(parse_zone_rule("<+0545>-5:45").changes);
}

TEST_CASE("what is no zone and no zone rule is refused") {
    for (const auto* text : {"", "C", "CET", "CET-1CEST", "CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0 ", "<CET-1"})
        CHECK_THROWS_AS(parse_zone_rule(text), Error);
    for (const auto* name : {"", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe", "tzdata.zi"})
        CHECK_THROWS_AS(zone_named(name), Error);
    const Bytes tail{'T', 'Z', 'i', 'f', '2'};
    CHECK_THROWS_AS(Zone::parse("cut", tail), Error);
}

#include "policy/calendar.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "c_library_clock.hpp"
#include "policy/zone_database.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

Instant at(std::chrono::year_month_day date, std::chrono::microseconds time = {}) { return std::chrono::sys_days{date} + time; }

std::vector<Instant> due_between(const Schedule& schedule, const Zone& zone, Instant from, Instant to) {
    std::vector<Instant> due;
    for (auto next = schedule.next_after(from, zone); next <= to; next = schedule.next_after(next, zone)) due.push_back(next);
    return due;
}

/// A schedule beside an independent statement of when it is due.
struct Row {
    std::string text;
    std::function<bool(const std::tm&)> matches;
};

const std::vector<Row> rows{
    {"daily 02:30", [](const std::tm& t) { return t.tm_hour == 2 && t.tm_min == 30; }},
    {"daily 00:00", [](const std::tm& t) { return t.tm_hour == 0 && t.tm_min == 0; }},
    {"daily 23:45", [](const std::tm& t) { return t.tm_hour == 23 && t.tm_min == 45; }},
    {"weekly SUN 01:15", [](const std::tm& t) { return t.tm_wday == 0 && t.tm_hour == 1 && t.tm_min == 15; }},
    {"weekly sat 23:30", [](const std::tm& t) { return t.tm_wday == 6 && t.tm_hour == 23 && t.tm_min == 30; }},
    {"*/30 1-3 * * *", [](const std::tm& t) { return t.tm_hour >= 1 && t.tm_hour <= 3 && t.tm_min % 30 == 0; }},
    {"15 */5 * * *", [](const std::tm& t) { return t.tm_hour % 5 == 0 && t.tm_min == 15; }},
    {"0 4 1,15 * MON",
     [](const std::tm& t) { return t.tm_hour == 4 && t.tm_min == 0 && (t.tm_mday == 1 || t.tm_mday == 15 || t.tm_wday == 1); }},
    {"0 12 * feb-Apr 5-7",
     [](const std::tm& t) {
         return t.tm_hour == 12 && t.tm_min == 0 && t.tm_mon >= 1 && t.tm_mon <= 3 && (t.tm_wday >= 5 || t.tm_wday == 0);
     }},
    {"45 2 29 10 *", [](const std::tm& t) { return t.tm_hour == 2 && t.tm_min == 45 && t.tm_mday == 29 && t.tm_mon == 9; }},
};

/// Walks the wall clock in steps of a quarter of an hour. A time is due the first time that the clock shows it or has
/// passed it: `highest` is the latest the clock ever showed.
std::vector<Instant> expected_between(const Row& row, const test::CLibraryClock& clock, Instant from, Instant to) {
    std::vector<Instant> due;
    auto highest = from + std::chrono::seconds{clock.wall(from).tm_gmtoff};
    for (auto when = from + 15min; when <= to; when += 15min) {
        const auto shown = when + std::chrono::seconds{clock.wall(when).tm_gmtoff};
        bool is_due = false;
        for (auto passed = highest + 15min; passed <= shown; passed += 15min) {
            const std::time_t digits = std::chrono::floor<std::chrono::seconds>(passed).time_since_epoch().count();
            std::tm fields{};
            gmtime_r(&digits, &fields);
            is_due = is_due || row.matches(fields);
        }
        highest = std::max(highest, shown);
        if (is_due) due.push_back(when);
    }
    return due;
}

}  // namespace

TEST_CASE("every time of day is due exactly once, whatever the wall clock does") {
    const std::string name = GENERATE("UTC", "Europe/Paris", "America/New_York", "America/Scoresbysund", "Australia/Lord_Howe",
                                      "Africa/Casablanca", "America/Havana", "Pacific/Chatham");
    const auto year = GENERATE(2026, 2028, 2044);
    CAPTURE(name, year);
    const test::CLibraryClock clock{name};
    const auto from = at(std::chrono::year{year} / 1 / 1);
    const auto to = from + 366 * 24h;

    for (const auto& row : rows) {
        CAPTURE(row.text);
        const auto due = due_between(Schedule::parse(row.text), zone_named(name), from, to);
        const auto expected = expected_between(row, clock, from, to);
        REQUIRE(due.size() == expected.size());
        REQUIRE(due == expected);
    }
}

TEST_CASE("a cron line for every hour follows the hours as they pass") {
    const std::string name = GENERATE("Europe/Paris", "Australia/Lord_Howe", "America/Havana");
    const test::CLibraryClock clock{name};
    const auto from = at(std::chrono::year{2026} / 1 / 1);
    const auto to = from + 366 * 24h;
    std::vector<Instant> expected;
    for (auto when = from + 15min; when <= to; when += 15min)
        if (clock.wall(when).tm_min == 45 && clock.wall(when).tm_wday != 3) expected.push_back(when);

    CHECK(due_between(Schedule::parse("45 * * * 0-2,4-6"), zone_named(name), from, to) == expected);
}

TEST_CASE("a day that its zone skipped has no due time") {
    using namespace std::chrono;
    const auto due =
        due_between(Schedule::parse("daily 05:00"), zone_named("Pacific/Apia"), at(2011y / 12 / 29), at(2012y / 1 / 1));

    CHECK(due == std::vector<Instant>{at(2011y / 12 / 29, 15h), at(2011y / 12 / 30, 15h), at(2011y / 12 / 31, 15h)});
}

TEST_CASE("a step counts from 1970 and ignores the wall clock") {
    using namespace std::chrono;
    const auto step = Schedule::parse("every 6h");

    CHECK(step.next_after(at(2026y / 3 / 29, 0h), zone_named("Europe/Paris")) == at(2026y / 3 / 29, 6h));
    CHECK(step.next_after(at(2026y / 3 / 29, 6h - 1us), Zone{}) == at(2026y / 3 / 29, 6h));
    CHECK(Schedule::parse("every 90min").next_after(at(1970y / 1 / 1), Zone{}) == at(1970y / 1 / 1, 90min));
}

TEST_CASE("the leap day is found over a century without one") {
    using namespace std::chrono;
    CHECK(Schedule::parse("0 0 29 2 *").next_after(at(2096y / 3 / 1), Zone{}) == at(2104y / 2 / 29));
    CHECK(Schedule::parse("0 * 29 2 *").next_after(at(2096y / 3 / 1), Zone{}) == at(2104y / 2 / 29));
}

TEST_CASE("what is no schedule, or is never due, is refused with a hint") {
    for (const auto* text : {"",
                             "daily",
                             "daily 24:00",
                             "daily 2:5",
                             "daily 02:60",
                             "daily 02:00 03:00",
                             "weekly 02:00",
                             "weekly FUN 02:00",
                             "every",
                             "every 10s",
                             "every 800d",
                             "every day",
                             "* * * *",
                             "60 * * * *",
                             "* 24 * * *",
                             "* * 0 * *",
                             "* * * 13 *",
                             "* * * * 8",
                             "*/0 * * * *",
                             "5-1 * * * *",
                             "a * * * *",
                             "1,,2 * * * *",
                             "0 0 31 2,4,6 *",
                             "0 0 30 2 *",
                             "@daily"}) {
        CAPTURE(text);
        try {
            Schedule::parse(text);
            FAIL("accepted");
        } catch (const Error& error) {
            CHECK(error.fault() == Fault::invalid);
            CHECK_FALSE(error.remedy().empty());
        }
    }
}

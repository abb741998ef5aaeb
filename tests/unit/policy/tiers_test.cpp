#include "policy/tiers.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "c_library_clock.hpp"
#include "policy/zone_database.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

Instant at(std::chrono::year_month_day date, std::chrono::microseconds time = {}) { return std::chrono::sys_days{date} + time; }

const RetentionRule everything{
    .daily = {.days = 30}, .weekly = KeepLength{.months = 6}, .monthly = KeepLength{.months = 12}, .pitr = {}};

/// The date of the first day of the week that the wall clock is in: digits of a day, whatever the zone.
std::int64_t first_day_of_week(const std::tm& shown, unsigned week_starts) {
    auto date = shown;
    return timegm(&date) / 86400 - (7 + shown.tm_wday - static_cast<int>(week_starts)) % 7;
}

}  // namespace

TEST_CASE("months and ISO weeks are those of the C library, over ISO week 53 and leap days") {
    const std::string name = GENERATE("UTC", "Europe/Paris", "America/New_York", "Pacific/Kiritimati", "Pacific/Apia");
    const test::CLibraryClock clock{name};
    const PolicyZone zone{.name = name};
    std::mt19937_64 random{Catch::rngSeed()};
    std::uniform_int_distribution<std::int64_t> seconds{946684800, 2840140800};

    for (int i = 0; i < 4000; ++i) {
        const Instant when{std::chrono::seconds{seconds(random)}};
        CAPTURE(name, when.time_since_epoch().count());
        if (month_of(when, zone) != clock.print(when, "%Y%m")) CHECK(month_of(when, zone) == clock.print(when, "%Y%m"));
        if (week_of(when, zone) != clock.print(when, "%G-W%V")) CHECK(week_of(when, zone) == clock.print(when, "%G-W%V"));
    }
    using namespace std::chrono;
    CHECK(week_of(at(2027y / 1 / 3, 12h), PolicyZone{}) == "2026-W53");
    CHECK(week_of(at(2024y / 12 / 30), PolicyZone{}) == "2025-W01");
}

TEST_CASE("two instants share a week exactly when the same first day began it") {
    const auto starts = GENERATE(range(0u, 7u));
    const PolicyZone zone{.name = "Europe/Paris", .week_starts = std::chrono::weekday{starts}};
    const test::CLibraryClock clock{zone.name};
    std::map<std::string, std::int64_t> first_days;
    std::map<std::int64_t, std::string> names;

    for (auto when = at(std::chrono::year{2019} / 12 / 1); when < at(std::chrono::year{2034} / 1 / 1); when += 7h) {
        const auto first = first_day_of_week(clock.wall(when), starts);
        const auto name = week_of(when, zone);
        if (!(first_days.try_emplace(name, first).first->second == first && names.try_emplace(first, name).first->second == name))
            FAIL(name << " at " << when.time_since_epoch().count());
    }
}

TEST_CASE("a month ends when the next begins on the wall clock") {
    using namespace std::chrono;
    CHECK(month_end(at(2026y / 11 / 23), PolicyZone{}) == at(2026y / 12 / 1));
    CHECK(month_end(at(2026y / 12 / 31, 23h), PolicyZone{.name = "Europe/Paris"}) == at(2027y / 1 / 31, 23h));
    CHECK(month_end(at(2026y / 3 / 31, 21h + 59min), PolicyZone{.name = "Europe/Paris"}) == at(2026y / 3 / 31, 22h));
    CHECK(month_end(at(2028y / 2 / 1), PolicyZone{.name = "America/New_York"}) == at(2028y / 2 / 1, 5h));
}

TEST_CASE("in any run of backups, the first committed one of each week and month carries its letter, and no other") {
    const std::string name = GENERATE("UTC", "Europe/Paris", "America/New_York");
    const auto starts = GENERATE(0u, 1u, 6u);
    const PolicyZone zone{.name = name, .week_starts = std::chrono::weekday{starts}};
    const test::CLibraryClock clock{name};
    std::mt19937_64 random{Catch::rngSeed() + starts};
    std::vector<TierHistory> committed;
    std::map<std::int64_t, int> by_week;
    std::map<std::string, int> by_month;

    // Several a day, missed days, some that never commit.
    auto start = at(std::chrono::year{2026} / 10 / 1);
    while (committed.size() < 600) {
        start += std::chrono::minutes{random() % (60 * 50)};
        const auto tiers = tiers_for(start, committed, everything, zone);
        const bool first_of_week = by_week[first_day_of_week(clock.wall(start), starts)] == 0;
        const bool first_of_month = by_month[clock.print(start, "%Y-%m")] == 0;
        const std::string expected = std::string{"d"} + (first_of_week ? "w" : "") + (first_of_month ? "m" : "");
        if (tiers != expected) CHECK(tiers == expected);
        if (random() % 5 == 0) continue;
        committed.push_back({start, tiers});
        ++by_week[first_day_of_week(clock.wall(start), starts)];
        ++by_month[clock.print(start, "%Y-%m")];
        std::ranges::shuffle(committed, random);
    }
}

TEST_CASE("letters without a length in the rule are not given") {
    const auto now = at(std::chrono::year{2026} / 11 / 1);
    CHECK(tiers_for(now, {}, {.daily = {.days = 30}}, {}) == "d");
    CHECK(tiers_for(now, {}, {.daily = {.days = 30}, .monthly = KeepLength{.months = 12}}, {}) == "dm");
    CHECK(tiers_for(now, {}, {.daily = {.days = 30}, .weekly = KeepLength{.months = 6}}, {}) == "dw");
    CHECK(longest_tier("d") == 'd');
    CHECK(longest_tier("dw") == 'w');
    CHECK(longest_tier("dwm") == 'm');
}

TEST_CASE("a backup is kept for the longest length that applies, months clamped to the day that exists") {
    using namespace std::chrono;
    struct Row {
        year_month_day start;
        int months;
        year_month_day expires;
    };
    const auto row = GENERATE(values<Row>({{2027y / 1 / 31, 1, 2027y / 2 / 28},
                                           {2028y / 1 / 31, 1, 2028y / 2 / 29},
                                           {2028y / 2 / 29, 12, 2029y / 2 / 28},
                                           {2026y / 11 / 30, 3, 2027y / 2 / 28},
                                           {2026y / 8 / 31, 6, 2027y / 2 / 28},
                                           {2026y / 11 / 23, 14, 2028y / 1 / 23}}));
    const RetentionRule rule{.daily = {.days = 3}, .monthly = KeepLength{.months = row.months}};

    CHECK(expiry_of(at(row.start, 2h), "dm", rule, {}) == at(row.expires, 2h));
    CHECK(expiry_of(at(row.start, 2h), "d", rule, {}) == at(row.start, 2h + 72h));
}

TEST_CASE("months are counted on the wall clock of the policy zone") {
    using namespace std::chrono;
    const PolicyZone paris{.name = "Europe/Paris"};
    const RetentionRule rule{.daily = {.days = 1}, .weekly = KeepLength{.months = 6}};

    // 23:30 UTC on 30 September is 1 October in Paris; six months later it is summer time there.
    CHECK(expiry_of(at(2026y / 9 / 30, 23h + 30min), "dw", rule, paris) == at(2027y / 3 / 31, 23h + 30min));
    CHECK(expiry_of(at(2026y / 11 / 23, 12h), "dw", rule, paris) == at(2027y / 5 / 23, 11h));
}

TEST_CASE("expiry never comes before the daily length") {
    std::mt19937_64 random{Catch::rngSeed()};
    for (int i = 0; i < 500; ++i) {
        const Instant start{std::chrono::seconds{1767225600 + static_cast<std::int64_t>(random() % 200000000)}};
        for (const auto* tiers : {"d", "dw", "dm", "dwm"}) {
            const auto expires = expiry_of(start, tiers, everything, {.name = "America/New_York"});
            if (expires < start + 30 * 24h) FAIL(start.time_since_epoch().count());
        }
    }
}

TEST_CASE("lengths of keeping are days or months") {
    CHECK(parse_keep_length("30d") == KeepLength{.days = 30});
    CHECK(parse_keep_length("12mo") == KeepLength{.months = 12});
    for (const auto* text : {"", "30", "d", "0d", "-3d", "30 d", "12m", "1y", "6h", "99999999999d", "40000d"})
        CHECK_THROWS_AS(parse_keep_length(text), Error);
}

#include "policy/schedule.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "policy/zone_database.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

Instant at(std::chrono::year_month_day date, std::chrono::microseconds time = {}) { return std::chrono::sys_days{date} + time; }

const std::vector<std::string> schedules{"daily 02:30", "weekly SUN 01:15", "every 6h", "*/30 1-3 * * *"};

/// A service that looks at the clock now and then, and remembers nothing but when its runs began.
class Days {
public:
    Days(const std::string& text, const std::string& zone, std::chrono::microseconds later_by = {})
        : schedule_{Schedule::parse(text)}, zone_{zone_named(zone)}, calendar_{schedule_, zone_, later_by} {
        const auto end = now + 400 * 24h;
        for (auto due = schedule_.next_after(now - 20 * 24h, zone_); due < end; due = schedule_.next_after(due, zone_))
            due_.push_back(due + later_by);
        starts_.push_back(now);
    }

    Instant now = at(std::chrono::year{2026} / 1 / 1, 5h);
    std::chrono::microseconds store_ahead{};  ///< of the host's clock; starts are dated by it
    std::map<Instant, int> runs;              ///< by due time
    std::set<Instant> visited;                ///< due times that were the last one at some look

    /// Looks once; begins what is due.
    void look() {
        const auto next = next_run(calendar_, starts_, now);
        visited.insert(*std::prev(std::ranges::upper_bound(due_, now)));
        wake_ = std::max(next, now + 1s);
        if (next > now) return;
        ++runs[next];
        began(now + store_ahead);
    }
    void began(Instant when) {
        labels_.insert(when);
        starts_.push_back(when);
        if (starts_.size() > 40) starts_.erase(starts_.begin());
    }
    /// To the time that was told, or to some time before it.
    void go_on(std::mt19937_64& random) {
        const auto pause = (wake_ - now).count();
        now +=
            std::chrono::microseconds{random() % 3 == 0 ? std::uniform_int_distribution<std::int64_t>{1, pause}(random) : pause};
    }

    std::vector<Instant> due_between(Instant from, Instant to) const {
        return {std::ranges::lower_bound(due_, from), std::ranges::lower_bound(due_, to)};
    }
    /// A run began so shortly before that it stands for this one as well.
    bool began_just_before(Instant due) const {
        const auto found = labels_.lower_bound(due - 5min);
        return found != labels_.end() && *found < due + std::max<std::chrono::microseconds>(store_ahead, 0s);
    }

private:
    Schedule schedule_;
    const Zone& zone_;
    RunCalendar calendar_;
    std::vector<Instant> due_, starts_;
    std::set<Instant> labels_;
    Instant wake_;
};

}  // namespace

TEST_CASE("over a year each due time has one run, whatever the wall clock does and whichever clock is ahead") {
    const std::string zone = GENERATE("Europe/Paris", "America/New_York");
    const auto text = GENERATE(from_range(schedules));
    const auto [ahead, later_by] =
        GENERATE(values<std::pair<std::chrono::seconds, std::chrono::seconds>>({{0s, 0s}, {180s, 1234s}, {-180s, 0s}}));
    std::mt19937_64 random{Catch::rngSeed()};
    CAPTURE(zone, text, ahead.count(), later_by.count());
    Days days{text, zone, later_by};
    days.store_ahead = ahead;
    const auto begin = days.now;
    const auto end = begin + 365 * 24h;

    while (days.now < end) {
        days.look();
        days.go_on(random);
    }

    std::map<Instant, int> expected;
    for (const auto due : days.due_between(begin, end)) expected[due] = 1;
    CHECK(days.runs == expected);
}

TEST_CASE("what was missed while nobody looked is made up for once, and after a restart nothing runs again") {
    const std::string zone = GENERATE("Europe/Paris", "America/New_York");
    const auto text = GENERATE(from_range(schedules));
    std::mt19937_64 random{Catch::rngSeed()};
    CAPTURE(zone, text);
    Days days{text, zone};
    const auto begin = days.now;
    const auto end = begin + 365 * 24h;

    while (days.now < end) {
        days.look();
        days.go_on(random);
        if (random() % 20 == 0) days.now += std::chrono::minutes{random() % (60 * 24 * 9)};
    }

    std::size_t missed = text.starts_with("weekly") ? 1 : 0;  // nobody is away for a week and more
    for (const auto due : days.due_between(begin, end)) {
        const auto ran = days.runs.contains(due) ? days.runs.at(due) : 0;
        const bool seen = days.visited.contains(due);
        if (ran != (seen && !days.began_just_before(due) ? 1 : 0)) FAIL("due " << to_rfc3339(due) << " ran " << ran << " times");
        missed += seen ? 0 : 1;
    }
    CHECK(missed > 0);
}

TEST_CASE("a clock that is set back or forward makes no due time run twice, and none that it shows is left out") {
    const std::string zone = GENERATE("Europe/Paris", "America/New_York");
    const auto text = GENERATE(from_range(schedules));
    const auto ahead = GENERATE(0s, 120s, -120s);
    std::mt19937_64 random{Catch::rngSeed()};
    CAPTURE(zone, text, ahead.count());
    Days days{text, zone};
    days.store_ahead = ahead;
    const auto begin = days.now;
    const auto end = begin + 365 * 24h;
    auto furthest = days.now;
    int steps = 0;

    while (days.now < end) {
        days.look();
        days.go_on(random);
        furthest = std::max(furthest, days.now);
        if (random() % 15 != 0) continue;
        ++steps;
        const auto step = std::chrono::seconds{random() % (20 * 3600)};
        days.now = random() % 2 == 0 ? days.now + step : std::max(days.now - step, furthest - 20h);
    }

    for (const auto& [due, ran] : days.runs)
        if (ran != 1) FAIL("due " << to_rfc3339(due) << " ran " << ran << " times");
    for (const auto due : days.visited)
        if (due > begin && !days.runs.contains(due) && !days.began_just_before(due))
            FAIL("due " << to_rfc3339(due) << " never ran");
    CHECK(steps > 5);
}

TEST_CASE("runs that a wrong clock dated ahead stand in the way of one run at most") {
    Days days{"daily 02:30", "UTC"};
    const auto begin = at(std::chrono::year{2026} / 5 / 1, 3h);
    for (int day = 0; day < 8; ++day) days.began(begin + day * 24h - 30min + 3s);  // a week ahead, then set back
    days.now = begin;
    std::mt19937_64 random{Catch::rngSeed()};
    while (days.now < begin + 10 * 24h - 1h) {
        days.look();
        days.go_on(random);
    }

    // 2 to 10 May but for one.
    CHECK(days.runs.size() == 8);
    for (const auto& [due, ran] : days.runs) CHECK(ran == 1);
}

TEST_CASE("a run is due at the first time of the schedule after the last one began, and at once without one") {
    const auto daily = Schedule::parse("daily 02:00");
    const RunCalendar calendar{.schedule = daily, .zone = zone_named("UTC")};
    const auto now = at(std::chrono::year{2026} / 5 / 1, 10h);

    CHECK(next_run(calendar, {}, now) == now);
    CHECK(next_run(calendar, {now - 8h}, now) == now + 16h);
    CHECK(next_run(calendar, {now - 8h - 1min}, now) == now + 16h);
    CHECK(next_run(calendar, {now - 9h}, now) == now - 8h);
    CHECK(next_run(calendar, {now - 90 * 24h}, now) == now - 8h);
}

TEST_CASE("a backup that is dated in the future does not put the next one off") {
    const auto daily = Schedule::parse("daily 02:00");
    const RunCalendar calendar{.schedule = daily, .zone = zone_named("UTC")};
    const auto now = at(std::chrono::year{2026} / 5 / 1, 10h);

    CHECK(next_run(calendar, {now + 900 * 24h, now - 7h}, now) == now + 16h);
    CHECK(next_run(calendar, {now + 900 * 24h}, now) == now - 8h);
}

TEST_CASE("sources with one schedule are spread over a time, each always to the same second") {
    std::set<std::chrono::microseconds> taken;
    for (int i = 0; i < 200; ++i) {
        const auto later = spread_of("shop/" + std::to_string(i), 1h);
        CHECK(later >= 0s);
        CHECK(later < 1h);
        CHECK(later == spread_of("shop/" + std::to_string(i), 1h));
        taken.insert(later);
    }
    CHECK(taken.size() > 180);
    CHECK(spread_of("pg/main", 0s) == 0s);
    CHECK(spread_of("pg/main", 1h) == 72s);
}

TEST_CASE("of the runs that are due the longest due begin, one of each source, and as many as may") {
    const auto now = at(std::chrono::year{2026} / 5 / 1, 10h);
    const WaitingRun older{"b", "backup", now - 2h}, newer{"a", "backup", now - 1h}, drill{"b", "drill", now - 90min},
        later{"c", "backup", now + 1s}, last{"d", "backup", now};

    CHECK(runs_to_begin({later, newer, drill, older, last}, {}, 9, now) == std::vector{older, newer, last});
    CHECK(runs_to_begin({later, newer, drill, older, last}, {}, 1, now) == std::vector{older});
    CHECK(runs_to_begin({later, newer, drill, older, last}, {"b"}, 9, now) == std::vector{newer, last});
    CHECK(runs_to_begin({later, newer, drill, older, last}, {}, 0, now).empty());
}

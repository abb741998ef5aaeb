#include "policy/calendar.hpp"

#include <algorithm>

#include "varve/error.hpp"

namespace varve {

using namespace std::chrono;

namespace {

/// 29 February comes once in eight years when a century that is no leap year lies between.
constexpr int days_searched_max = 8 * 366 + 2;

/// Whether the jump skipped the whole day: then that day's times are not due at all.
bool swallows(const ZoneChange& jump, local_days day) {
    const local_seconds from{(jump.at + jump.before).time_since_epoch()};
    const local_seconds to{(jump.at + jump.after).time_since_epoch()};
    return from <= day && to >= day + days{1};
}

}  // namespace

bool Schedule::matches(local_days day) const {
    const year_month_day date{day};
    if (!months_[static_cast<unsigned>(date.month())]) return false;
    const bool by_date = days_of_month_[static_cast<unsigned>(date.day())];
    const bool by_weekday = weekdays_[weekday{day}.c_encoding()];
    // As cron has it: when both are restricted, either will do.
    if (any_day_of_month_) return by_weekday;
    if (any_weekday_) return by_date;
    return by_date || by_weekday;
}

std::optional<Instant> Schedule::first_of_day(local_days day, Instant after, const Zone& zone) const {
    for (unsigned hour = 0; hour < 24; ++hour) {
        if (!hours_[hour] || zone.instant(day + hours{hour + 1}) <= after) continue;
        for (unsigned minute = 0; minute < 60; ++minute) {
            if (!minutes_[minute]) continue;
            const auto wall = day + hours{hour} + minutes{minute};
            const auto found = zone.instants(wall);
            if (found.skipped && swallows(*found.skipped, day)) return {};
            if (const auto due = zone.instant(wall); due > after) return due;
        }
    }
    return {};
}

Instant Schedule::next_passing_hour(Instant after, const Zone& zone) const {
    auto due = after;
    const auto end = after + days{days_searched_max};
    while (due < end) {
        const auto wall = zone.wall(due);
        due += floor<minutes>(wall) + minutes{1} - wall;
        const auto shown = zone.wall(due);
        const auto day = floor<days>(shown);
        if (!matches(day))
            due = std::max(due, zone.instant(day + days{1}) - minutes{1});
        else if (minutes_[static_cast<std::size_t>((floor<minutes>(shown) - floor<hours>(shown)).count())])
            return due;
    }
    throw Error{Fault::defect, "the schedule '" + text_ + "' is never due"};
}

Instant Schedule::next_after(Instant after, const Zone& zone) const {
    if (period_ != microseconds{0}) return Instant{(floor<microseconds>(after).time_since_epoch() / period_ + 1) * period_};
    if (every_hour_) return next_passing_hour(after, zone);
    // The first instant of a wall time never runs backwards, so the first day with a due time has the earliest.
    const auto today = floor<days>(zone.wall(after));
    for (int ahead = 0; ahead <= days_searched_max; ++ahead) {
        const auto day = today + days{ahead};
        if (!matches(day)) continue;
        if (const auto due = first_of_day(day, after, zone)) return *due;
    }
    throw Error{Fault::defect, "the schedule '" + text_ + "' is never due"};
}

}  // namespace varve

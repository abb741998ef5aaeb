#include "policy/tiers.hpp"

#include <algorithm>
#include <charconv>

#include "policy/zone_database.hpp"
#include "varve/error.hpp"

namespace varve {

using namespace std::chrono;

namespace {

local_days day_in(Instant time, const Zone& zone) { return floor<days>(zone.wall(time)); }

std::string two_digits(unsigned value) { return (value < 10 ? "0" : "") + std::to_string(value); }

/// The same time of day `months` later, on the month's last day when the day does not exist.
Instant months_later(Instant start, int count, const Zone& zone) {
    if (count == 0) return start;  // the second 02:30 of a night stays the second
    const auto wall = zone.wall(start);
    const auto day = floor<days>(wall);
    auto date = year_month_day{day} + months{count};
    if (!date.ok()) date = date.year() / date.month() / last;
    return zone.instant(local_days{date} + (wall - day));
}

Instant later(Instant start, const KeepLength& length, const Zone& zone) {
    return months_later(start, length.months, zone) + days{length.days};
}

bool has(std::string_view tiers, char tier) { return tiers.find(tier) != std::string_view::npos; }

/// Whether no committed backup carries `tier` in the period that `period_of` gives for `start`.
template <class PeriodOf>
bool first_of_its_period(Instant start, const std::vector<TierHistory>& committed, char tier, PeriodOf period_of) {
    const auto period = period_of(start);
    return std::ranges::none_of(
        committed, [&](const TierHistory& backup) { return has(backup.tiers, tier) && period_of(backup.start) == period; });
}

}  // namespace

KeepLength parse_keep_length(std::string_view text) {
    int count = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    const bool in_days = unit == "d", in_months = unit == "mo";
    if (failed != std::errc{} || count <= 0 || count > 36500 || !(in_days || in_months))
        throw Error{Fault::invalid, "not a length of keeping: '" + std::string{text} + "'"}.hint(
            "Write days or calendar months: 30d, 12mo.");
    return in_days ? KeepLength{.days = count} : KeepLength{.months = count};
}

std::string month_of(Instant time, const PolicyZone& zone) {
    const year_month_day date{day_in(time, zone_named(zone.name))};
    return std::to_string(static_cast<int>(date.year())) + two_digits(static_cast<unsigned>(date.month()));
}

std::string week_of(Instant time, const PolicyZone& zone) {
    const auto day = day_in(time, zone_named(zone.name));
    const auto first = day - (weekday{day} - zone.week_starts);
    const auto fourth = first + days{3};  // the year that holds most of the week gives it its number
    const auto year = year_month_day{fourth}.year();
    const auto number = (fourth - local_days{year / January / 1}).count() / 7 + 1;
    return std::to_string(static_cast<int>(year)) + "-W" + two_digits(static_cast<unsigned>(number));
}

Instant month_end(Instant time, const PolicyZone& zone) {
    const auto& rules = zone_named(zone.name);
    const year_month_day date{day_in(time, rules)};
    return rules.instant(local_days{(date.year() / date.month() + months{1}) / 1});
}

std::string tiers_for(Instant start, const std::vector<TierHistory>& committed, const RetentionRule& rule,
                      const PolicyZone& zone) {
    std::string tiers = "d";
    const auto week = [&](Instant time) { return week_of(time, zone); };
    const auto month = [&](Instant time) { return month_of(time, zone); };
    if (rule.weekly && first_of_its_period(start, committed, 'w', week)) tiers += 'w';
    if (rule.monthly && first_of_its_period(start, committed, 'm', month)) tiers += 'm';
    return tiers;
}

char longest_tier(std::string_view tiers) { return has(tiers, 'm') ? 'm' : has(tiers, 'w') ? 'w' : 'd'; }

Instant expiry_of(Instant start, std::string_view tiers, const RetentionRule& rule, const PolicyZone& zone) {
    const auto& rules = zone_named(zone.name);
    auto expires = later(start, rule.daily, rules);
    if (rule.weekly && has(tiers, 'w')) expires = std::max(expires, later(start, *rule.weekly, rules));
    if (rule.monthly && has(tiers, 'm')) expires = std::max(expires, later(start, *rule.monthly, rules));
    return expires;
}

}  // namespace varve

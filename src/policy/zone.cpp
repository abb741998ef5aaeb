#include "policy/zone.hpp"

#include <algorithm>
#include <array>

#include "varve/error.hpp"

namespace varve {

using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

/// Reads big-endian numbers of a TZif block from the left.
class Block {
public:
    explicit Block(ByteView bytes) : rest_{bytes} {}

    ByteView take(std::size_t count) {
        if (rest_.size() < count) throw Error{Fault::invalid, "the time zone file ends early"};
        const auto taken = rest_.first(count);
        rest_ = rest_.subspan(count);
        return taken;
    }
    std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        for (const auto byte : take(width)) value = value << 8 | byte;
        return value;
    }
    ByteView rest() const noexcept { return rest_; }

private:
    ByteView rest_;
};

struct Header {
    std::uint8_t version = 0;
    std::size_t ut_flags = 0, standard_flags = 0, leaps = 0, changes = 0, kinds = 0, letters = 0;

    std::size_t body_bytes(std::size_t time_width) const {
        return changes * (time_width + 1) + kinds * 6 + letters + leaps * (time_width + 4) + standard_flags + ut_flags;
    }
};

Header read_header(Block& block) {
    if (text_of(block.take(4)) != "TZif") throw Error{Fault::invalid, "not a time zone file"};
    Header header;
    header.version = static_cast<std::uint8_t>(block.number(1));
    block.take(15);
    header.ut_flags = block.number(4);
    header.standard_flags = block.number(4);
    header.leaps = block.number(4);
    header.changes = block.number(4);
    header.kinds = block.number(4);
    header.letters = block.number(4);
    if (header.kinds == 0) throw Error{Fault::invalid, "the time zone file names no offset"};
    return header;
}

std::chrono::sys_days day_of(const ZoneRule::Day& day, std::chrono::year year) {
    using namespace std::chrono;
    switch (day.form) {
        case ZoneRule::Day::Form::julian: {  // 1 to 365, 29 February is never counted
            const bool after_leap_day = year.is_leap() && day.day >= 60;
            return sys_days{year / January / 1} + days{day.day - 1 + (after_leap_day ? 1 : 0)};
        }
        case ZoneRule::Day::Form::zero_based:
            return sys_days{year / January / 1} + days{day.day};
        case ZoneRule::Day::Form::month_week_day:
            break;
    }
    const weekday wanted{day.weekday};
    if (day.week == 5) return sys_days{year / month{day.month} / wanted[last]};
    return sys_days{year / month{day.month} / wanted[day.week]};
}

/// The two changes of a year, in order.
std::array<ZoneChange, 2> changes_of(const ZoneRule& rule, std::chrono::year year) {
    const ZoneChange forward{.at = day_of(rule.to_daylight, year) + rule.to_daylight.time - rule.standard,
                             .before = rule.standard,
                             .after = rule.daylight};
    const ZoneChange back{.at = day_of(rule.to_standard, year) + rule.to_standard.time - rule.daylight,
                          .before = rule.daylight,
                          .after = rule.standard};
    if (forward.at <= back.at) return {forward, back};
    return {back, forward};
}

std::chrono::year year_of(sys_seconds when) {
    return std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(when)}.year();
}

seconds rule_offset(const ZoneRule& rule, sys_seconds when) {
    if (!rule.changes) return rule.standard;
    const auto year = year_of(when);
    auto offset = rule.standard;
    // From the year before: a change may lie beyond its year's end by UTC.
    for (const auto near : {year - std::chrono::years{1}, year, year + std::chrono::years{1}})
        for (const auto& change : changes_of(rule, near))
            if (change.at <= when) offset = change.after;
    return offset;
}

}  // namespace

Zone Zone::parse(std::string name, ByteView tzif) {
    Block block{tzif};
    const Header narrow = read_header(block);
    if (narrow.version < '2') throw Error{Fault::invalid, "the time zone file of '" + name + "' has the old 32-bit form"};
    block.take(narrow.body_bytes(4));
    const Header header = read_header(block);
    if (header.leaps != 0)
        throw Error{Fault::invalid, "the time zone '" + name + "' counts leap seconds"}.hint(
            "Name a zone of the usual kind, such as Europe/Paris.");

    std::vector<sys_seconds> times;
    for (std::size_t i = 0; i < header.changes; ++i) times.emplace_back(seconds{static_cast<std::int64_t>(block.number(8))});
    const auto kind_of = block.take(header.changes);
    std::vector<seconds> offsets;
    for (std::size_t i = 0; i < header.kinds; ++i) {
        offsets.emplace_back(static_cast<std::int32_t>(block.number(4)));
        block.take(2);
    }
    block.take(header.letters + header.standard_flags + header.ut_flags);

    Zone zone;
    zone.name_ = std::move(name);
    zone.first_offset_ = offsets.front();
    auto before = zone.first_offset_;
    for (std::size_t i = 0; i < times.size(); ++i) {
        if (kind_of[i] >= offsets.size()) throw Error{Fault::invalid, "the time zone file of '" + zone.name_ + "' is damaged"};
        const auto after = offsets[kind_of[i]];
        if (after != before) zone.listed_.push_back({.at = times[i], .before = before, .after = after});
        before = after;
    }
    auto footer = text_of(block.rest());
    if (footer.size() > 2 && footer.front() == '\n' && footer.back() == '\n') {
        zone.rule_ = parse_zone_rule(footer.substr(1, footer.size() - 2));
        if (zone.listed_.empty() && !zone.rule_->changes) zone.first_offset_ = zone.rule_->standard;
    }
    return zone;
}

seconds Zone::offset_at(Instant when) const {
    const auto second = std::chrono::floor<seconds>(when);
    const bool after_list = listed_.empty() || second >= listed_.back().at;
    if (after_list && rule_) return rule_offset(*rule_, second);
    if (listed_.empty()) return first_offset_;
    const auto next = std::ranges::upper_bound(listed_, second, {}, &ZoneChange::at);
    return next == listed_.begin() ? first_offset_ : std::prev(next)->after;
}

WallTime Zone::wall(Instant when) const { return WallTime{when.time_since_epoch() + offset_at(when)}; }

std::vector<ZoneChange> Zone::changes(Instant from, Instant to) const {
    std::vector<ZoneChange> found;
    const auto wanted = [&](const ZoneChange& change) { return change.at >= from && change.at < to; };
    std::ranges::copy_if(listed_, std::back_inserter(found), wanted);
    if (!rule_ || !rule_->changes) return found;
    const auto last_year = year_of(std::chrono::floor<seconds>(to)) + std::chrono::years{1};
    for (auto year = year_of(std::chrono::floor<seconds>(from)) - std::chrono::years{1}; year <= last_year; ++year)
        for (const auto& change : changes_of(*rule_, year))
            if (wanted(change) && change.before != change.after && (listed_.empty() || change.at > listed_.back().at))
                found.push_back(change);
    return found;
}

WallInstants Zone::instants(WallTime wall) const {
    // No zone was ever a day away from UTC: the instants meant lie within a day of the same digits read as UTC, and a
    // change that skips them (a whole day at most) within two.
    const Instant digits{wall.time_since_epoch()};
    const auto from = digits - std::chrono::days{2};
    const auto to = digits + std::chrono::days{2};

    WallInstants result;
    auto begin = from;
    auto offset = offset_at(from);
    const auto look = [&](Instant end) {
        const auto candidate = digits - offset;
        if (candidate >= begin && candidate < end) result.instants.push_back(candidate);
    };
    const auto between = changes(from, to);
    for (const auto& change : between) {
        look(change.at);
        begin = change.at;
        offset = change.after;
    }
    look(to);
    if (!result.instants.empty()) return result;
    for (const auto& change : between)
        if (digits >= change.at + change.before && digits < change.at + change.after) result.skipped = change;
    return result;
}

Instant Zone::instant(WallTime wall) const {
    const auto found = instants(wall);
    if (!found.instants.empty()) return found.instants.front();
    if (!found.skipped) throw Error{Fault::defect, "a wall time without an instant in " + name_};
    return found.skipped->at;
}

}  // namespace varve

#include <algorithm>
#include <array>

#include "config/read_parts.hpp"
#include "policy/zone_database.hpp"

namespace varve {

namespace {

constexpr std::array<std::string_view, 7> weekdays{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

std::string text_of_length(const std::optional<KeepLength>& length) {
    if (!length) return "none";
    return length->months > 0 ? std::to_string(length->months) + "mo" : std::to_string(length->days) + "d";
}

std::optional<KeepLength> length_or_none(const std::string& text) {
    if (text == "none") return {};
    return parse_keep_length(text);
}

int days_at_least(const KeepLength& length) { return length.days + length.months * 28; }
int days_at_most(const KeepLength& length) { return length.days + length.months * 31; }

/// Packs of a longer tier may be used by backups of a shorter one, never the other way: so lengths may not turn around.
void check_order(Section& section, const RetentionRule& rule) {
    const auto shorter = [&](const KeepLength& longer, const KeepLength& than) {
        return longer.months > 0 && than.months > 0 ? longer.months < than.months : days_at_most(longer) < days_at_least(than);
    };
    const auto note = [&](const std::string& key, const std::string& other) {
        section.reading().note(section.place(key), "`" + key + "` is shorter than `" + other + "` in " + section.name(),
                               "Lengths must not fall from daily over weekly to monthly.");
    };
    if (rule.weekly && shorter(*rule.weekly, rule.daily)) note("weekly", "daily");
    if (rule.monthly && shorter(*rule.monthly, rule.daily)) note("monthly", "daily");
    if (rule.monthly && rule.weekly && shorter(*rule.monthly, *rule.weekly)) note("monthly", "weekly");
}

RetentionRule class_default(SourceClass kind) {
    RetentionRule rule{.daily = {.days = 30}};
    if (kind == SourceClass::data) rule.weekly = KeepLength{.months = 6};
    if (kind != SourceClass::data) rule.monthly = KeepLength{.months = 12};
    if (kind == SourceClass::database) rule.pitr = KeepLength{.days = 30};
    return rule;
}

}  // namespace

const RetentionRule& SourceDefaults::of(SourceClass kind) const {
    switch (kind) {
        case SourceClass::database:
            return database;
        case SourceClass::config:
            return config;
        case SourceClass::data:
            break;
    }
    return data;
}

RetentionRule read_retention(Section& section, const RetentionRule& fallback, SourceClass kind) {
    RetentionRule rule;
    rule.daily = section.parsed("daily", text_of_length(fallback.daily), parse_keep_length);
    rule.weekly = section.parsed("weekly", text_of_length(fallback.weekly), length_or_none);
    rule.monthly = section.parsed("monthly", text_of_length(fallback.monthly), length_or_none);
    if (kind == SourceClass::database)
        rule.pitr = section.parsed("pitr", text_of_length(fallback.pitr), length_or_none);
    else if (section.has("pitr")) {
        section.expect("pitr");
        section.reading().note(section.place("pitr"), "`pitr` means nothing here: there is no log",
                               "Only database sources have one.");
    }
    check_order(section, rule);
    return rule;
}

SourceDefaults read_defaults(ConfigFiles& files) {
    SourceDefaults defaults;
    const auto schedule_text = [](const std::string& text) { return Schedule::parse(text).text(); };
    auto schedule = files.table("schedule");
    defaults.backup = schedule.parsed("backup", "daily 02:00", schedule_text);
    defaults.drill = schedule.parsed("drill", "weekly SAT 04:00", schedule_text);
    schedule.finish("[schedule]");

    auto retention = files.table("retention");
    for (const auto kind : {SourceClass::database, SourceClass::data, SourceClass::config}) {
        auto rule = retention.inner(std::string{name_of(kind)});
        const auto read = read_retention(rule, class_default(kind), kind);
        rule.finish("[retention]");
        (kind == SourceClass::database ? defaults.database : kind == SourceClass::data ? defaults.data : defaults.config) = read;
    }
    defaults.zone.name = retention.parsed("zone", "UTC", [](const std::string& name) { return zone_named(name).name(); });
    defaults.zone.week_starts = retention.parsed("week_starts", "MON", [](const std::string& day) {
        const auto found = std::ranges::find(weekdays, day);
        if (found != weekdays.end()) return std::chrono::weekday{static_cast<unsigned>(found - weekdays.begin())};
        throw Error{Fault::invalid, "there is no day \"" + day + "\""}.hint("One of SUN, MON, TUE, WED, THU, FRI, SAT.");
    });
    retention.finish("[retention]");
    return defaults;
}

}  // namespace varve

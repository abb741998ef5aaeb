#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <vector>

#include "policy/calendar.hpp"
#include "varve/error.hpp"
#include "varve/settings.hpp"

namespace varve {

namespace {

constexpr std::array<std::string_view, 7> weekday_names{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
constexpr std::array<std::string_view, 12> month_names{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                       "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};

std::vector<std::string> words_of(std::string_view text) {
    std::istringstream in{std::string{text}};
    return {std::istream_iterator<std::string>{in}, {}};
}

std::string upper(std::string_view text) {
    std::string result{text};
    for (auto& c : result) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return result;
}

/// One field of a cron line: what its numbers may be and which names they have.
struct Field {
    std::string_view what;
    unsigned least, most;
    std::span<const std::string_view> names;  ///< of least, least + 1, …
};

}  // namespace

/// Turns the text into the sets of a Schedule.
class ScheduleReader {
public:
    explicit ScheduleReader(std::string_view text) { schedule_.text_ = text; }

    Schedule read() {
        const auto words = words_of(schedule_.text_);
        if (words.size() == 2 && words[0] == "daily") return at_time(words[1]);
        if (words.size() == 3 && words[0] == "weekly") return weekly(words[1], words[2]);
        if (words.size() == 2 && words[0] == "every") return every(words[1]);
        if (words.size() == 5) return cron(words);
        fail("");
    }

private:
    [[noreturn]] void fail(const std::string& why) const {
        throw Error{Fault::invalid, "not a schedule: '" + schedule_.text_ + "'" + (why.empty() ? "" : ": " + why)}.hint(
            "Write \"daily 02:00\", \"weekly SUN 02:00\", \"every 6h\" or five cron fields.");
    }

    unsigned number(std::string_view text, const Field& field) const {
        const auto name = std::ranges::find(field.names, upper(text));
        if (name != field.names.end()) return field.least + static_cast<unsigned>(name - field.names.begin());
        unsigned value = 0;
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (failed != std::errc{} || end != text.data() + text.size() || value < field.least || value > field.most)
            fail("'" + std::string{text} + "' is no " + std::string{field.what});
        return value;
    }

    Schedule at_time(std::string_view clock) {
        const auto colon = clock.find(':');
        if (colon == std::string_view::npos || clock.size() != colon + 3) fail("the time of day has the form HH:MM");
        schedule_.hours_.set(number(clock.substr(0, colon), {"hour", 0, 23, {}}));
        schedule_.minutes_.set(number(clock.substr(colon + 1), {"minute", 0, 59, {}}));
        schedule_.months_.set();
        schedule_.days_of_month_.set();
        if (schedule_.weekdays_.none()) schedule_.weekdays_.set();
        return schedule_;
    }

    Schedule weekly(std::string_view weekday, std::string_view clock) {
        const auto day = std::ranges::find(weekday_names, upper(weekday));
        if (day == weekday_names.end()) fail("the day is one of SUN MON TUE WED THU FRI SAT");
        schedule_.weekdays_.set(static_cast<std::size_t>(day - weekday_names.begin()));
        schedule_.any_weekday_ = false;
        return at_time(clock);
    }

    Schedule every(std::string_view period) {
        schedule_.period_ = parse_duration(period);
        if (schedule_.period_ < std::chrono::minutes{1}) fail("the shortest step is 1min");
        if (schedule_.period_ > std::chrono::days{366}) fail("the longest step is 366d");
        return schedule_;
    }

    /// `*`, `7`, `1-5`, `*/15`, `8-18/2`, and lists of these.
    template <std::size_t size>
    void set(std::bitset<size>& into, std::string_view text, const Field& field) const {
        while (true) {
            const auto comma = text.find(',');
            set_item(into, text.substr(0, comma), field);
            if (comma == std::string_view::npos) return;
            text.remove_prefix(comma + 1);
        }
    }
    template <std::size_t size>
    void set_item(std::bitset<size>& into, std::string_view item, const Field& field) const {
        unsigned step = 1;
        const auto slash = item.find('/');
        if (slash != std::string_view::npos) step = number(item.substr(slash + 1), {"step", 1, field.most, {}});
        const auto range = item.substr(0, slash);
        const auto dash = range.find('-');
        unsigned from = field.least, to = field.most;
        if (range != "*") {
            from = number(range.substr(0, dash), field);
            to = dash != std::string_view::npos    ? number(range.substr(dash + 1), field)
                 : slash != std::string_view::npos ? to
                                                   : from;
        }
        if (from > to) fail("'" + std::string{item} + "' runs backwards");
        for (auto value = from; value <= to; value += step) into.set(value % (field.what == "weekday" ? 7 : size));
    }

    Schedule cron(const std::vector<std::string>& fields) {
        set(schedule_.minutes_, fields[0], {"minute", 0, 59, {}});
        set(schedule_.hours_, fields[1], {"hour", 0, 23, {}});
        set(schedule_.days_of_month_, fields[2], {"day of the month", 1, 31, {}});
        set(schedule_.months_, fields[3], {"month", 1, 12, month_names});
        set(schedule_.weekdays_, fields[4], {"weekday", 0, 7, weekday_names});
        schedule_.every_hour_ = fields[1] == "*";
        schedule_.any_day_of_month_ = fields[2] == "*";
        schedule_.any_weekday_ = fields[4] == "*";
        if (!ever_due()) fail("no month has such a day");
        return schedule_;
    }

    bool ever_due() const {
        if (!schedule_.any_weekday_ || schedule_.any_day_of_month_) return true;
        using namespace std::chrono;
        for (unsigned m = 1; m <= 12; ++m) {
            const auto longest = static_cast<unsigned>((year{2024} / month{m} / last).day());
            for (unsigned day = 1; schedule_.months_[m] && day <= longest; ++day)
                if (schedule_.days_of_month_[day]) return true;
        }
        return false;
    }

    Schedule schedule_;
};

Schedule Schedule::parse(std::string_view text) { return ScheduleReader{text}.read(); }

}  // namespace varve

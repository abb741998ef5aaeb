#include <cctype>

#include "policy/zone.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

/// Reads a POSIX TZ string from the left. Every step throws when the text has another form.
class RuleReader {
public:
    explicit RuleReader(std::string_view text) : whole_{text}, rest_{text} {}

    ZoneRule rule() {
        ZoneRule rule;
        skip_name();
        rule.standard = -clock_time();
        if (rest_.empty()) return rule;
        rule.changes = true;
        skip_name();
        rule.daylight = rest_.empty() || rest_.front() == ',' ? rule.standard + std::chrono::hours{1} : -clock_time();
        expect(',');
        rule.to_daylight = day();
        expect(',');
        rule.to_standard = day();
        if (!rest_.empty()) fail();
        return rule;
    }

private:
    [[noreturn]] void fail() const { throw Error{Fault::invalid, "not a time zone rule: '" + std::string{whole_} + "'"}; }

    bool take(char wanted) {
        if (rest_.empty() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void expect(char wanted) {
        if (!take(wanted)) fail();
    }
    unsigned number(unsigned most) {
        unsigned value = 0;
        std::size_t digits = 0;
        for (; digits < rest_.size() && digits < 3 && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits)
            value = value * 10 + static_cast<unsigned>(rest_[digits] - '0');
        if (digits == 0 || value > most) fail();
        rest_.remove_prefix(digits);
        return value;
    }
    void skip_name() {
        if (take('<')) {
            const auto end = rest_.find('>');
            if (end == std::string_view::npos) fail();
            rest_.remove_prefix(end + 1);
            return;
        }
        std::size_t letters = 0;
        while (letters < rest_.size() && std::isalpha(static_cast<unsigned char>(rest_[letters]))) ++letters;
        if (letters < 3) fail();
        rest_.remove_prefix(letters);
    }
    /// [+-]hh[:mm[:ss]]; RFC 8536 allows up to 167 hours.
    std::chrono::seconds clock_time() {
        const bool negative = take('-');
        if (!negative) take('+');
        std::chrono::seconds time = std::chrono::hours{number(167)};
        if (take(':')) time += std::chrono::minutes{number(59)};
        if (take(':')) time += std::chrono::seconds{number(59)};
        return negative ? -time : time;
    }
    ZoneRule::Day day() {
        ZoneRule::Day day;
        if (take('M')) {
            day.month = number(12);
            expect('.');
            day.week = number(5);
            expect('.');
            day.weekday = number(6);
            if (day.month == 0 || day.week == 0) fail();
        } else if (take('J')) {
            day.form = ZoneRule::Day::Form::julian;
            day.day = number(365);
            if (day.day == 0) fail();
        } else {
            day.form = ZoneRule::Day::Form::zero_based;
            day.day = number(365);
        }
        day.time = take('/') ? clock_time() : std::chrono::hours{2};
        return day;
    }

    std::string_view whole_, rest_;
};

}  // namespace

ZoneRule parse_zone_rule(std::string_view text) { return RuleReader{text}.rule(); }

}  // namespace varve

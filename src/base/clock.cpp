#include "varve/clock.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <cstdio>

#include "varve/async.hpp"
#include "varve/error.hpp"

namespace varve {
namespace {

using std::chrono::microseconds;

/// Reads fixed-width numbers off the front of a text.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_{text} {}

    std::optional<int> number(std::size_t digits) {
        if (rest_.size() < digits) return {};
        int value = 0;
        for (std::size_t at = 0; at < digits; ++at) {
            if (rest_[at] < '0' || rest_[at] > '9') return {};
            value = value * 10 + (rest_[at] - '0');
        }
        rest_.remove_prefix(digits);
        return value;
    }
    std::optional<char> one_of(std::string_view wanted) {
        if (rest_.empty() || wanted.find(rest_.front()) == std::string_view::npos) return {};
        const char found = rest_.front();
        rest_.remove_prefix(1);
        return found;
    }
    bool next(char wanted) { return one_of({&wanted, 1}).has_value(); }
    bool at_end() const { return rest_.empty(); }
    /// Microseconds of a fraction; digits after the sixth are cut.
    std::optional<microseconds> fraction() {
        std::int64_t value = 0;
        std::size_t digits = 0;
        for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9'; ++digits, rest_.remove_prefix(1)) {
            if (digits < 6) value = value * 10 + (rest_.front() - '0');
        }
        if (digits == 0) return {};
        for (; digits < 6; ++digits) value *= 10;
        return microseconds{value};
    }

private:
    std::string_view rest_;
};

std::optional<Instant> instant_of(int year, int month, int day, int hour, int minute, int second) {
    using namespace std::chrono;
    const year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                              std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) return {};
    return Instant{sys_days{date}} + hours{hour} + minutes{minute} + seconds{second};
}

/// `+02:00`, `-0330`, `+02` or `Z`; nothing when there is none of them.
std::optional<std::chrono::minutes> find_offset(Reader& in) {
    if (in.one_of("Zz")) return std::chrono::minutes{0};
    const auto sign = in.one_of("+-");
    if (!sign) return {};
    const auto hours = in.number(2);
    if (!hours || *hours > 23) return {};
    int minutes = 0;
    if (!in.at_end()) {
        in.next(':');
        const auto more = in.number(2);
        if (!more || *more > 59) return {};
        minutes = *more;
    }
    const auto offset = std::chrono::hours{*hours} + std::chrono::minutes{minutes};
    return *sign == '-' ? -offset : offset;
}

Error not_a_time(std::string_view text, std::string why) {
    return Error{Fault::invalid, "not a time: \"" + std::string{text} + "\"" + std::move(why)}.hint(
        "Write a time as 2026-11-23T02:00:00Z or 2026-11-23T03:00:00+01:00.");
}

/// The parts of a time as people print it.
struct Printed {
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<microseconds> clock;
    explicit Printed(Instant time)
        : date{std::chrono::floor<std::chrono::days>(time)}, clock{time - std::chrono::floor<std::chrono::days>(time)} {}
    std::string text(const char* form) const {
        char room[48];
        const auto length =
            std::snprintf(room, sizeof room, form, static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                          static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                          static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
        return {room, static_cast<std::size_t>(length)};
    }
};

}  // namespace

Instant SystemClock::now() const { return std::chrono::floor<microseconds>(std::chrono::system_clock::now()); }

Task<> SystemClock::sleep_until(Instant when) {
    // A wish beyond what the steady clock can count is a wish to sleep for good; ten years are as good.
    const auto pause = std::min<microseconds>(when - now(), std::chrono::hours{24 * 3650});
    asio::steady_timer timer{co_await asio::this_coro::executor, pause};
    const auto [failure] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (failure) throw Error{Fault::cancelled, "stopped on request"};
}

std::string to_rfc3339(Instant time) {
    const Printed printed{time};
    auto text = printed.text("%04d-%02u-%02uT%02d:%02d:%02d");
    if (const auto part = printed.clock.subseconds().count(); part != 0) {
        char room[16];
        std::snprintf(room, sizeof room, ".%06d", static_cast<int>(part));
        text += room;
    }
    return text + 'Z';
}

Instant from_rfc3339(std::string_view text) {
    Reader in{text};
    const auto year = in.number(4);
    const bool dash = in.next('-');
    const auto month = in.number(2);
    const bool second_dash = in.next('-');
    const auto day = in.number(2);
    const bool between = in.one_of("Tt ").has_value();
    const auto hour = in.number(2);
    const bool colon = in.next(':');
    const auto minute = in.number(2);
    if (!year || !dash || !month || !second_dash || !day || !between || !hour || !colon || !minute) throw not_a_time(text, "");
    std::optional<int> second = 0;
    if (in.next(':')) second = in.number(2);
    if (!second) throw not_a_time(text, "");
    microseconds part{0};
    if (in.next('.')) {
        const auto fraction = in.fraction();
        if (!fraction) throw not_a_time(text, "");
        part = *fraction;
    }
    const auto local = instant_of(*year, *month, *day, *hour, *minute, *second);
    if (!local) throw not_a_time(text, "");
    if (in.at_end()) throw not_a_time(text, " has no offset from UTC");
    const auto offset = find_offset(in);
    if (!offset || !in.at_end()) throw not_a_time(text, "");
    return *local + part - *offset;
}

std::string to_stamp(Instant time) { return Printed{time}.text("%04d%02u%02uT%02d%02d%02dZ"); }

std::optional<Instant> find_stamp(std::string_view text) {
    Reader in{text};
    const auto year = in.number(4), month = in.number(2), day = in.number(2);
    const bool between = in.next('T');
    const auto hour = in.number(2), minute = in.number(2), second = in.number(2);
    const bool utc = in.next('Z') && in.at_end();
    if (!year || !month || !day || !between || !hour || !minute || !second || !utc) return {};
    return instant_of(*year, *month, *day, *hour, *minute, *second);
}

}  // namespace varve

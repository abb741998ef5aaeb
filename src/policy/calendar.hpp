/// When scheduled work is due: "daily HH:MM" | "weekly SUN HH:MM" | "every 6h" | 5-field cron. Pure.
#pragma once

#include <bitset>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "policy/zone.hpp"
#include "varve/clock.hpp"

namespace varve {

/// A repeated due time. Times of day are those of the wall clock in a zone, and each is met exactly once over a change of
/// that clock: one that is jumped over is due at the end of the jump, one that comes twice is due the first time. Two
/// kinds count otherwise: `every` steps through UTC from 1970, and a cron line whose hour is `*` follows the hours as they pass.
/// A value; any thread.
class Schedule {
public:
    /// Fault::invalid, with a hint, when `text` is not a schedule or can never be due.
    static Schedule parse(std::string_view text);

    /// The first due time after `after`.
    Instant next_after(Instant after, const Zone& zone) const;
    const std::string& text() const noexcept { return text_; }

private:
    friend class ScheduleReader;
    Schedule() = default;

    bool matches(std::chrono::local_days day) const;
    /// The first due time after `after` among those of one day of the wall clock.
    std::optional<Instant> first_of_day(std::chrono::local_days day, Instant after, const Zone& zone) const;
    Instant next_passing_hour(Instant after, const Zone& zone) const;

    std::string text_;
    std::chrono::microseconds period_{};  ///< "every": the step; else zero and the sets below rule
    std::bitset<60> minutes_;
    std::bitset<24> hours_;
    std::bitset<32> days_of_month_;  ///< by number, 1 to 31
    std::bitset<13> months_;         ///< by number, 1 to 12
    std::bitset<7> weekdays_;        ///< 0 is Sunday
    bool any_day_of_month_ = true, any_weekday_ = true;
    bool every_hour_ = false;  ///< the hour was `*`
};

}  // namespace varve

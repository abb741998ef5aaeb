/// Time is an argument: code asks a Clock, tests turn its hands.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "varve/task.hpp"

namespace varve {

/// UTC with microseconds: what PostgreSQL, MySQL and our formats carry.
using Instant = std::chrono::sys_time<std::chrono::microseconds>;

class Clock {
public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;
    /// Ends at or after `when`; Fault::cancelled when stopped before. io thread only.
    virtual Task<> sleep_until(Instant when) = 0;

    Task<> sleep_for(std::chrono::microseconds pause) { return sleep_until(now() + pause); }
};

/// The machine's clock. Sleeps count from a steady clock, so a clock step does not stretch them.
class SystemClock final : public Clock {
public:
    Instant now() const override;
    Task<> sleep_until(Instant when) override;
};

/// RFC 3339 in UTC: `2026-11-23T02:00:00.123456Z`; the fraction only when there is one.
std::string to_rfc3339(Instant time);
/// RFC 3339 with `Z` or an offset; a blank may stand for the `T`. Fault::invalid otherwise; a time without an offset is refused.
Instant from_rfc3339(std::string_view text);
/// As in object keys: `20261123T020000Z`, rounded down to the second.
std::string to_stamp(Instant time);
/// The inverse of to_stamp; nothing when `text` is not such a stamp.
std::optional<Instant> find_stamp(std::string_view text);

}  // namespace varve

/// A time zone as a value: what clocks on the wall show there, past and future. Made from the bytes of a TZif file
/// (RFC 8536); where those bytes come from is the caller's business (config/zone_file.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "varve/bytes.hpp"
#include "varve/clock.hpp"

namespace varve {

/// What a wall clock shows: no offset, so it may name no instant, or two.
using WallTime = std::chrono::local_time<std::chrono::microseconds>;

/// The moment a wall clock is put forward or back.
struct ZoneChange {
    std::chrono::sys_seconds at;
    std::chrono::seconds before{};  ///< offset from UTC until then
    std::chrono::seconds after{};   ///< and from then on
};

/// The instants that a wall time names.
struct WallInstants {
    std::vector<Instant> instants;      ///< none, one or two, in order
    std::optional<ZoneChange> skipped;  ///< the change that jumped over it, when there is none
};

/// Yearly changes after the last one listed: the footer of a TZif file, a POSIX TZ string such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneRule {
    struct Day {
        enum class Form { month_week_day, julian, zero_based } form = Form::month_week_day;
        unsigned month = 0, week = 0, weekday = 0;
        unsigned day = 0;
        std::chrono::seconds time{};
    };
    std::chrono::seconds standard{}, daylight{};
    bool changes = false;  ///< false: `standard` for ever
    Day to_daylight, to_standard;
};

/// Fault::invalid when `text` is not such a rule.
ZoneRule parse_zone_rule(std::string_view text);

/// Copies and is read from any thread.
class Zone {
public:
    Zone() = default;  ///< UTC
    /// Fault::invalid when `tzif` is not a TZif file of version 2 or later.
    static Zone parse(std::string name, ByteView tzif);

    const std::string& name() const noexcept { return name_; }
    std::chrono::seconds offset_at(Instant when) const;
    WallTime wall(Instant when) const;
    WallInstants instants(WallTime wall) const;
    /// One instant for a wall time: the first when it comes twice, the end of the jump when it never comes.
    Instant instant(WallTime wall) const;
    /// Changes in [from, to), in order.
    std::vector<ZoneChange> changes(Instant from, Instant to) const;

private:
    std::string name_ = "UTC";
    std::chrono::seconds first_offset_{};
    std::vector<ZoneChange> listed_;
    std::optional<ZoneRule> rule_;  ///< rules after the last listed change
};

}  // namespace varve

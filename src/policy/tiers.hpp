/// Retention tiers: decided once, at a backup's start. docs/retention.md. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "varve/clock.hpp"

namespace varve {

/// The zone and week in which months and weeks are counted.
struct PolicyZone {
    std::string name = "UTC";  ///< IANA
    std::chrono::weekday week_starts = std::chrono::Monday;
};

/// A length in days or calendar months ("30d", "12mo"); months are clamped (31 Jan + 1 month = 28 or 29 Feb).
struct KeepLength {
    int days = 0;
    int months = 0;
    friend bool operator==(const KeepLength&, const KeepLength&) = default;
};
/// Fault::invalid for anything else.
KeepLength parse_keep_length(std::string_view text);

/// How long the backups of a class are kept.
struct RetentionRule {
    KeepLength daily{.days = 30};
    std::optional<KeepLength> weekly{};
    std::optional<KeepLength> monthly{};
    std::optional<KeepLength> pitr{};  ///< how far back every instant can be reached
};

/// A committed backup as the rule sees it.
struct TierHistory {
    Instant start;
    std::string tiers;
};

/// "202611": the month of `time` in the zone. Fault::invalid when the zone is unknown.
std::string month_of(Instant time, const PolicyZone& zone);
/// Year and week, for equality only: "2026-W48" (ISO when the week starts on Monday).
std::string week_of(Instant time, const PolicyZone& zone);
/// The first instant of the month after `time`'s.
Instant month_end(Instant time, const PolicyZone& zone);

/// "d", "dw", "dm" or "dwm": d always; w, m when the rule keeps them and no committed backup of that week or month carries them
/// yet.
std::string tiers_for(Instant start, const std::vector<TierHistory>& committed, const RetentionRule& rule,
                      const PolicyZone& zone);
/// 'm', 'w' or 'd': the longest of `tiers`.
char longest_tier(std::string_view tiers);
/// start + the longest length that applies to `tiers`.
Instant expiry_of(Instant start, std::string_view tiers, const RetentionRule& rule, const PolicyZone& zone);

}  // namespace varve

/// Archives as they may come to be: random ones, for retention_plan and its oracle.
#pragma once

#include <random>
#include <string>

#include "policy/retention_plan.hpp"

namespace varve::test {

struct RetentionCase {
    RetentionArchive archive;
    RetentionRule rule;
    PolicyZone zone;
    RetentionClocks clocks;
};
constexpr std::uint64_t case_positions = 260;

/// Several backups a day and none for weeks, clocks that were wrong, branches of the log, notes of every kind, copies that were
/// behind; around the days on which calendars are odd.
RetentionCase make_retention_case(std::mt19937_64& random, const std::string& zone);

}  // namespace varve::test

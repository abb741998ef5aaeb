/// What must be kept, said a second time and in another way: object by object, position by position, with the C library's
/// calendar. Shares with policy/retention_plan the types of values and nothing else.
#pragma once

#include <vector>

#include "policy/retention_plan.hpp"

namespace varve::test {

struct OracleAnswer {
    bool paused = false;
    std::vector<std::vector<Kept>> backups, log;  ///< as in the archive; in the order of KeepReason
};

/// Positions of the archive are below `positions`. TZ must be the policy zone: see CLibraryClock.
OracleAnswer oracle(const RetentionArchive& archive, const RetentionRule& rule, const RetentionClocks& clocks,
                    std::uint64_t positions);

}  // namespace varve::test

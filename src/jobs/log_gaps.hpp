/// What the archive lacks of a log: what was said when it was lost, and what is seen to be missing, each gap once. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "repository/log_catalog.hpp"

namespace varve {

struct LogGap {
    LineageName lineage;
    std::uint64_t from = 0, to = 0;
    std::optional<Instant> time;  ///< when it was said, else the last commit before it
    std::string reason;
    friend bool operator==(const LogGap&, const LogGap&) = default;
};

/// A hole between two stretches takes the reason of the first note that overlaps it. A note of which the archive has every byte
/// after all is no gap; notes that overlap one another, where no log follows yet, are one. By lineage, then position.
std::vector<LogGap> log_gaps(const std::vector<LogGap>& noted, const std::vector<LineageLog>& lineages);

}  // namespace varve

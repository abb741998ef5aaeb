/// The small world that every frozen repository holds: what went in, computed again by each test that looks at what comes out.
#pragma once

#include <vector>

#include "varve/driver.hpp"

namespace varve::test {

struct GoldenEntry {
    Entry entry;
    Bytes content;
    ChunkProfile profile = ChunkProfile::file;
};

inline const SourceName golden_source{"golden/main"};
inline constexpr int golden_backups = 2;

/// In path order. The second backup has one file more and one changed.
std::vector<GoldenEntry> golden_entries(int backup);

inline const LineageName golden_trunk{"7301234567890123456/1"};
inline const LineageName golden_branch{"7301234567890123456/2"};
inline constexpr std::uint64_t golden_branch_at = 0x5800;

/// [from, to) of the log, the same in both lineages up to the branch.
Bytes golden_log(const LineageName& lineage, std::uint64_t from, std::uint64_t to);

struct GoldenStretch {
    LineageName lineage;
    std::uint64_t from, to;
};
/// What can be read without a hole, in order.
std::vector<GoldenStretch> golden_stretches();

}  // namespace varve::test

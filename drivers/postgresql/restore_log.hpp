/// Puts the log that recovery will ask for beside the restored data: what the backup carries itself, and then the archive's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "postgresql/lsn.hpp"
#include "postgresql/restore_plan.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// The segments along `path` that recovery from `after` on may ask for, beyond the segment that holds `after` on the first
/// lineage; up to the end of the path, or a segment beyond `until`, where recovery will stop.
std::vector<std::string> segments_along(const LineagePath& path, Lsn after, std::optional<Lsn> until,
                                        std::uint64_t segment_bytes);

/// The segment where the backup's own log ends goes on in the archive: overwrites the staged file from `stop` on. Nothing happens
/// when the archive's path ends before.
Task<> continue_last_segment(const RestorePlan& plan, LogPosition stop, LogSource& log, std::uint64_t segment_bytes,
                             Pools& pools);

/// The segments that are staged behind those that the backup has itself.
std::vector<std::string> segments_to_stage(const LogSource& log, LogPosition stop, std::optional<Lsn> until,
                                           std::uint64_t segment_bytes);
/// Stages them, and every history file that the archive has: a server that ends recovery looks for a timeline number that nobody
/// used. Fault::missing when the archive has not what its path promises.
Task<> stage_log(const RestorePlan& plan, std::vector<std::string> segments, LogSource& log, Pools& pools);

}  // namespace varve::postgresql

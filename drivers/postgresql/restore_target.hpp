/// What a target means in this archive, found before a byte is written. PostgreSQL stops only at the end of a transaction, a
/// restore point or a position that it meets in the log; a target that it does not meet is fatal at the end of recovery. So a
/// target beyond the last of them becomes the position of the last whole record.
#pragma once

#include "varve/driver.hpp"

namespace varve::postgresql {

/// `log`: along the path that leads from `base` to the target; nullptr: the backup's own log only. Error code
/// `point_not_recoverable` (22) with the nearest that can be had; Fault::invalid for a target that PostgreSQL does not have.
Task<ResolvedTarget> resolve_target(Target target, const BackupFacts& base, LogSource* log);

}  // namespace varve::postgresql

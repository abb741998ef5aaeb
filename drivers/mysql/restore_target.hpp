/// What a target means in the archived log: found before a byte is written.
#pragma once

#include "mysql/base_backup.hpp"
#include "mysql/binlog_walk.hpp"

namespace varve::mysql {

/// Error code `point_not_recoverable` (22) when it cannot be reached, with the nearest that can. What `target.without` did is
/// told in the explanation.
Task<ResolvedTarget> resolve_target(Target target, const BackupFacts& base, LogSource* log, const SourceSettings& settings,
                                    DriverServices& services);

/// The place in the log that a backup stands at; Fault::corrupt when it does not tell.
Coordinates coordinates_of(const BackupFacts& base);

/// Reads the log from the begin of the file that holds the base's place up to `to`, and gives every whole transaction of it that
/// ends behind the base. Gives the walk, for its files.
Task<BinlogWalk> walk_log(LogSource& log, const BackupFacts& base, std::uint64_t to,
                          std::function<void(const WalkedTransaction&)> visit);

}  // namespace varve::mysql

/// One instant of a server, seen by several connections at once, with its place in the log. Locks are held as briefly as the
/// server allows, bounded, and how long they were is told.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "mysql/base_backup.hpp"
#include "mysql/logical_schema.hpp"

namespace varve::mysql {

struct SnapshotLimits {
    std::chrono::seconds lock_wait_max{10};  ///< for each lock: then we give up, and nobody else waits any longer
    std::chrono::seconds lock_hold_max{60};  ///< in all: then the connection that holds them is cut
    unsigned readers = 4;
};

struct Snapshot {
    std::vector<Connection> readers;  ///< each within its own transaction; they see the same
    LogicalSchema schema;
    std::optional<Coordinates> coordinates;    ///< nothing: the server writes no binlog
    Instant time;                              ///< by the server's clock, taken within the lock
    std::chrono::milliseconds ddl_held{};      ///< how long statements that alter tables had to wait
    std::chrono::milliseconds commits_held{};  ///< how long commits had to wait
    bool releases_tables = false;              ///< a table that was read can be given back before the transaction ends
    std::vector<Finding> findings;
};

/// Blocks. Fault::overloaded when a lock was not to be had, or was held too long; whatever fails, the server has forgotten the
/// locks when this has thrown. `read_only`: what the readers may do.
Snapshot take_snapshot(const ConnectionSettings& settings, const SnapshotLimits& limits);

}  // namespace varve::mysql

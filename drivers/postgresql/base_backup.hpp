/// Base backups: one self-sufficient copy of a cluster. Two ways lead to the same entries: reading the files of a server on this
/// host (fast, parallel, page checksums), or BASE_BACKUP over the replication protocol (any host).
#pragma once

#include <string>
#include <vector>

#include "postgresql/cluster.hpp"
#include "postgresql/connection.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

class BackupWal;

struct BackupContext {
    ConnectionSettings connection;
    Pools& pools;
    BackupRequest request;
    std::string system_identifier{};  ///< of the source; empty: whatever the server says
};

/// Fault::refused (exit 5) when the server that answers, a standby perhaps, is not of the source's cluster.
void require_cluster(const Cluster& cluster, const std::string& system_identifier);

/// Reads the data directory. One session lives from start to stop: when it is lost, or the server is restarted or promoted, the
/// backup has failed. Whatever ends this task, the server forgets the backup and its temporary slot with the sessions.
Task<BackupFacts> back_up_files(BackupContext context, BackupSink& sink);

/// Takes what the server sends.
Task<BackupFacts> back_up_stream(BackupContext context, BackupSink& sink);

/// Why the files of the server behind `session` cannot be read here; nothing when they can: they are here, readable, and this
/// very server runs on them.
Task<std::optional<Error>> find_obstacle_to_files(Session& session, Cluster cluster, Pools& pools);

// ------------------------------------------------------------------------------------------------------ what both ways share

struct BackupStop {
    Lsn lsn = 0;
    std::string label_file, tablespace_map;
};
/// With a fast checkpoint; gives where recovery begins. The session must stay until stop_backup().
Task<Lsn> start_backup(Session& session, std::string label);
Task<BackupStop> stop_backup(Session& session);
/// Up to where a backup carries its own log: a primary ends the segment with the backup, and nothing of value follows in it, so
/// that log which begins with the next segment goes on without a hole. A standby cannot, there it is `stop`.
Lsn end_of_own_log(Lsn stop, const Cluster& cluster, std::uint64_t segment_bytes);
/// Up to when the server has every commit, by the clock that commits are stamped with: a standby's is its primary's, and it may
/// lag far behind.
Task<Instant> ask_time(Session& session);
/// Runs beside the copying, on the session that holds the backup, until `done` and the session is woken. Throws as soon as the
/// server ends the session, because it shuts down or was told to; and when the server would take the backup's own log stream for
/// a synchronous standby. The log stream is cut then: a server must not wait for it, whatever holds the copying up.
Task<> watch_backup(Session& session, BackupWal& wal, const bool& done);

}  // namespace varve::postgresql

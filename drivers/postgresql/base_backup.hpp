/// Base backups: one self-sufficient copy of a cluster. Two ways lead to the same entries: reading the files of a server on this
/// host (fast, parallel, page checksums), or BASE_BACKUP over the replication protocol (any host).
#pragma once

#include <string>
#include <vector>

#include "postgresql/cluster.hpp"
#include "postgresql/connection.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

struct BackupContext {
    ConnectionSettings connection;
    Pools& pools;
    BackupRequest request;
};

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
/// By the server's clock.
Task<Instant> ask_time(Session& session);

}  // namespace varve::postgresql

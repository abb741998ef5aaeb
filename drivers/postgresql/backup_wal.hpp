/// The log that a base backup needs, streamed on a connection of its own into the backup itself, so that the backup can be
/// restored without any archive.
///
///     auto wal = co_await BackupWal::open(settings, label, sink, pools);   // a temporary slot: from here on the server keeps
///     its log …pg_backup_start… -> start group.spawn(wal->run(start));                                        // receives beside
///     the copying of files …copy…, pg_backup_stop -> stop co_await wal->finish(stop); // every entry is in the backup
///
/// Entries are `wal/000000010000000000000003` (each exactly one segment, the last one zero-filled after what was received, so it
/// can be used as a file of pg_wal) and, beyond timeline 1, `wal/00000002.history`.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "postgresql/connection.hpp"
#include "postgresql/lineage.hpp"
#include "postgresql/lsn.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// io thread only. The slot is given back when this object and run() have ended, however they end.
class BackupWal {
public:
    /// Connects and makes a temporary slot that holds the log from the server's last checkpoint on. `label` names the slot
    /// (characters that a slot name cannot have become `_`); several backups of one server at once need different labels.
    static Task<std::unique_ptr<BackupWal>> open(ConnectionSettings settings, std::string label, BackupSink& sink, Pools& pools);
    ~BackupWal();

    /// The server's log when open() ended: lineage, segment size, system identifier.
    const ServerLog& server() const noexcept;

    /// Receives from the start of the segment that holds `start` until finish() is satisfied. Spawn it in a group: when it fails
    /// (connection lost, server promoted: Fault::conflict) the group stops, and finish() throws the same error.
    Task<> run(Lsn start);

    /// Ends when everything before `stop` was received and every entry is whole.
    Task<> finish(Lsn stop);

    /// So far: the end of what was received.
    Lsn received() const noexcept;

    /// As postgresql::refuse_synchronous, for this stream: commits would be released by bytes that are only in our memory.
    void refuse_synchronous(const std::string& setting) const;
    /// Hangs up, now: the server waits for nothing more. run() fails.
    void cut() noexcept;

private:
    struct State;
    explicit BackupWal(std::shared_ptr<State> state);
    static Task<> run(std::shared_ptr<State> state, Lsn start);
    std::shared_ptr<State> state_;  // shared with run(), which may end after the object when everything is stopped
};

}  // namespace varve::postgresql

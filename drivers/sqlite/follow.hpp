/// Follows a database in WAL mode: each commit becomes a record of the log, and the WAL is checkpointed when all of it is
/// durable.
///
/// A read transaction is open at every instant, so that nobody can reset the WAL over frames that were not read. That also keeps
/// the application from resetting it, so we do, by a cycle: all but little is durable and in the database file; the write lock is
/// taken for less than a quarter of a second; the rest is read, stored, and put into the database file; a new reader begins,
/// which needs no frame; the lock is given back. The next writer begins the WAL anew. Nothing is ever written into the database.
///
/// Every call that blocks runs on the blocking pool, one at a time. io thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "sqlite/database.hpp"
#include "sqlite/saved_state.hpp"
#include "sqlite/wal_tail.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::sqlite {

/// A database with a reader that keeps a snapshot, and where that lies in the log. What a base backup copies.
struct BaseSnapshot {
    std::shared_ptr<FollowedDatabase> database;  ///< outlives the rest
    std::unique_ptr<Connection> reader;
    std::shared_ptr<Snapshot> snapshot;
    std::optional<LocalFile> wal;
    TailState state;  ///< there
    Instant time;
};

class Follower {
public:
    Follower(std::filesystem::path path, std::filesystem::path state_dir, Pools& pools, Clock& clock);
    ~Follower();

    /// As Driver::follow_log. Fault::missing: the log cannot go on from there.
    Task<> follow(std::optional<LogPosition> from, LogSink& sink);
    /// Where the log ends now: everything committed before this was called lies before it.
    Task<LogPosition> position();
    /// A record in the log under a name; "" for a check. Fault::refused when nobody follows in this process.
    Task<LogPosition> mark(std::string name);
    /// Beside a follower, at its position; else where one would go on, or at the begin of a lineage of its own.
    Task<std::shared_ptr<const BaseSnapshot>> snapshot();
    /// The database is not what the log says: the log goes on as a new lineage.
    void distrust(std::string reason) { distrusted_ = std::move(reason); }

private:
    struct Live;
    Task<std::shared_ptr<Live>> attach(std::optional<LogPosition> from);
    Task<> begin(Live& live);
    Task<> follow_live(Live& live);
    Task<bool> pass(Live& live);
    Task<> append(Live& live, std::vector<RecordPiece> pieces);
    struct Lock;
    Task<> cycle(Live& live);
    Task<bool> approach(Live& live, Connection& checkpointer);
    Task<bool> finish_cycle(Live& live, std::shared_ptr<Lock> lock);
    Task<bool> durable_within(Live& live, std::chrono::milliseconds patience);
    /// With the turn.
    Task<std::shared_ptr<const BaseSnapshot>> snapshot_of(std::shared_ptr<Live> live);
    Task<Budget::Share> turn();
    LogPosition position_of(const TailState& state) const;

    std::filesystem::path path_;
    SavedStates saved_;
    Pools& pools_;
    Clock& clock_;
    std::optional<Budget> turn_;  ///< one at a time at what is live
    std::shared_ptr<Live> live_;
    std::optional<LogPosition> lost_;  ///< the log could not go on from there
    std::string distrusted_;
};

}  // namespace varve::sqlite

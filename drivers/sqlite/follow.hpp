/// Follows a database in WAL mode: each commit becomes a record of the log, and the WAL is checkpointed when all of it is
/// durable.
///
/// A read transaction is open at every instant, so that nobody can reset the WAL over frames that were not read. That also keeps
/// the application from resetting it, so we do, by a cycle: see cycle.cpp. Nothing is ever written into the database.
///
/// Only the loop of follow() reads the WAL and changes what is live. Everybody else leaves a visit with it and waits: so whoever
/// is stopped while waiting disturbs nothing. io thread; every call that blocks runs on a pool.
#pragma once

#include <deque>
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
    std::optional<LocalFile> wal;
    std::unique_ptr<Connection> reader;
    std::optional<Snapshot> snapshot;
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
    /// A record in the log under a name. Fault::refused when nobody follows in this process.
    Task<LogPosition> mark(std::string name);
    /// Beside a follower, at its position; else where one would go on, or at the begin of a lineage of its own.
    Task<std::shared_ptr<const BaseSnapshot>> snapshot();
    /// The database is not what its log says: the log goes on as a new lineage.
    Task<> distrust(std::string reason);

private:
    struct Live;
    struct Lock;
    struct Visit;

    Task<Budget::Share> turn();
    Task<> prepare();
    Task<std::shared_ptr<Live>> attach(std::optional<LogPosition> from);
    Task<> follow_live(Live& live);
    Task<> end(std::shared_ptr<Live> live);
    Task<bool> pass(Live& live);
    Task<> pass_on(Live& live);
    Task<bool> pass_patiently(Live& live);
    Task<> append(Live& live, std::vector<RecordPiece> pieces);
    Task<> visit(std::shared_ptr<Visit> visit);
    Task<> receive(Live& live, Visit& visit);
    void dismiss(std::exception_ptr failure);
    Task<> pin(BaseSnapshot& base) const;
    LogPosition position_of(const TailState& state) const;

    // cycle.cpp
    Task<> cycle(Live& live);
    /// How much a cycle has left to do.
    enum class Approach { far, near, over };
    Task<Approach> approach(Live& live, Connection& checkpointer);
    Task<bool> cycle_locked(Live& live, std::shared_ptr<Lock> lock);
    Task<bool> finish_cycle(Live& live, std::shared_ptr<Lock> lock, std::chrono::steady_clock::time_point until);
    Task<bool> durable_until(Live& live, std::chrono::steady_clock::time_point until);

    std::filesystem::path path_;
    SavedStates saved_;
    Pools& pools_;
    Clock& clock_;
    std::optional<Budget> turn_;     ///< one attaches at a time
    std::optional<Signal> visited_;  ///< a visit came, or was received
    std::deque<std::shared_ptr<Visit>> visits_;
    std::shared_ptr<Live> live_;
    std::optional<LogPosition> lost_;  ///< the log could not go on from there
    std::string distrusted_;
};

}  // namespace varve::sqlite

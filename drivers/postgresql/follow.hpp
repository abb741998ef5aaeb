/// Follows a server's log: streams it into the archive, and tells the server what it may forget.
///
/// Where it begins. Streaming goes on at exactly the position that is durable. The walk that finds commits needs the start of a
/// page and should see records that began earlier, so the stream is asked for from up to 1 MiB before (`lead_in_bytes`), if the
/// server still has it, else from the segment's start; the walker is fed with that overlap and the archive is not.
///
/// How it ends. Always with an error, for the caller to judge: cancelled, cut (unreachable), the server's log is gone (missing),
/// another archiver (conflict), a store that refuses. Nothing is retried here.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "postgresql/connection.hpp"
#include "postgresql/lineage.hpp"
#include "postgresql/log_tail.hpp"
#include "varve/clock.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// Where following begins: on which of the server's lineages, and at which position of it.
struct FollowStart {
    Lineage lineage;
    Lsn at = 0;
};

/// io thread only. follow() runs once at a time; the rest may be called beside it.
class Follower {
public:
    static constexpr std::uint64_t lead_in_bytes = 1u << 20;
    /// A server that shuts down waits for us no longer than this.
    static constexpr std::chrono::seconds shutdown_patience{5};

    /// `connection.application_name` should be the slot's name: synchronous_standby_names is compared with it. `tail_file` keeps
    /// what the log ended in where it was durable last; it may be lost, then that is not compared.
    Follower(SourceName source, ConnectionSettings connection, std::string slot, Pools& pools, Clock& clock,
             std::filesystem::path tail_file = {});

    /// As Driver::follow_log. Fault::refused: synchronous_standby_names matches us; Fault::conflict: another cluster (code
    /// `wrong_identity`), a slot in use (exit code 11), a server that has less of the timeline than the archive, or other bytes.
    Task<> follow(std::optional<LogPosition> from, LogSink& sink);

    /// As Driver::probe_log: a segment switch, or a restore point when there is a `mark`. On a standby: what it has replayed.
    Task<LogProbe> probe(std::string mark);

    /// Drops the slot; fine when it is not there.
    Task<> retire();

private:
    Task<bool> begin_where_slot_holds(const ServerLog& server, FollowStart& start);
    struct Readiness {
        Instant complete_until;  ///< the server has every commit up to then
        bool is_standby = false;
    };
    Task<Readiness> prepare(Session& replication, const ServerLog& server, const FollowStart& start);
    Task<> follow_from(FollowStart start, Session& session, const ServerLog& server, LogSink& sink);
    Task<> drop_own_slot(Session& replication);

    SourceName source_;
    ConnectionSettings connection_;
    std::string slot_;
    Pools& pools_;
    Clock& clock_;
    std::filesystem::path tail_file_;
    std::optional<int> last_pid_;  ///< of our last stream's server process
};

/// The lineages that led to `server`'s, oldest first, and its own at the end.
std::vector<Lineage> lineages_of(const ServerLog& server);

/// The rule, for tests. `from` in a lineage that the server came from: the rest of it is streamed first, up to the switch. `from`
/// beyond a switch point, or in a history the server does not have: what is archived there stays as a branch, and the server's
/// own lineage begins at the start of the segment that holds its switch point. Fault::conflict for another cluster.
FollowStart find_start(const ServerLog& server, const std::optional<LogPosition>& from);

}  // namespace varve::postgresql

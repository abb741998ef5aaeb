/// The streaming part of a follower: one timeline after the other, with what must happen beside the reading.
#pragma once

#include "postgresql/follow.hpp"

namespace varve::postgresql {

struct FollowContext {
    SourceName source;
    ConnectionSettings connection;
    std::string slot;
    std::uint64_t segment_bytes = 0;
    std::string system_identifier;
    std::vector<Lineage> lineages;     ///< of the server, as lineages_of() gives them
    Instant begun_at;                  ///< up to when the server has every commit, asked before the stream
    bool is_standby = false;           ///< its clock says nothing of what its primary has committed
    std::optional<TailMark> expected;  ///< what the log must end in where following begins
    std::filesystem::path tail_file;   ///< empty: nothing is kept
    Pools& pools;
    Clock& clock;
};

/// Streams from `start` on over every timeline the server moves to, until it throws. `session` is a replication session; the slot
/// is ready.
Task<> follow_timelines(FollowContext& context, Session& session, FollowStart start, LogSink& sink);

}  // namespace varve::postgresql

/// Which history a server's log belongs to. A lineage is one timeline with everything that led to it.
/// Its name is `SYSTEM:1` for the first timeline and `SYSTEM:TIMELINE:SWITCH:HASH` for a later one: the system identifier, the
/// timeline in decimal, where it left its parent (`0/5000000`), and the first 16 hex digits of the SHA-256 of its history lines.
/// So two servers promoted from one parent at different places, or for different reasons, have different lineages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postgresql/connection.hpp"
#include "postgresql/lsn.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// One line of a history file: `timeline` was left at `ends_at`.
struct HistoryLine {
    std::uint32_t timeline = 0;
    Lsn ends_at = 0;
    std::string reason;
    friend bool operator==(const HistoryLine&, const HistoryLine&) = default;
};

/// A timeline and those it came from, oldest first.
struct TimelineHistory {
    std::uint32_t timeline = 1;
    std::vector<HistoryLine> lines;  ///< none for timeline 1
    std::string text;                ///< the file as the server has it; empty for timeline 1
};

/// Fault::corrupt when a line cannot be read or the timelines do not rise.
TimelineHistory parse_history(std::uint32_t timeline, std::string text);
/// The history that `history` had before its last switch. Fault::defect for timeline 1.
TimelineHistory parent_of(const TimelineHistory& history);

/// Facts: "timeline" (decimal), "history" (the file's text), "segment_bytes", "system_identifier".
/// begins_at is the start of the segment that holds the switch point (0 for the first timeline); parent is the exact switch
/// point.
Lineage make_lineage(const std::string& system_identifier, const TimelineHistory& history, std::uint64_t segment_bytes);
std::uint32_t timeline_of(const Lineage& lineage);
/// The system identifier that a lineage name begins with.
std::string system_identifier_of(const LineageName& name);

/// What a replication session is told of the server's log.
struct ServerLog {
    std::string system_identifier;
    TimelineHistory history;
    std::uint64_t segment_bytes = 0;
    Lsn flushed = 0;  ///< everything before it can be streamed now
    Lineage lineage;  ///< of `history`
};

/// IDENTIFY_SYSTEM, SHOW wal_segment_size and TIMELINE_HISTORY on a replication session.
Task<ServerLog> ask_server_log(Session& replication);

LogPosition position_in(const Lineage& lineage, Lsn at);

}  // namespace varve::postgresql

/// What follow.cpp and cycle.cpp share.
#pragma once

#include <utility>

#include "sqlite/attach.hpp"
#include "sqlite/follow.hpp"

namespace varve::sqlite {

inline constexpr std::chrono::seconds cycle_pause_first{1}, cycle_pause_max{30};

struct Follower::Live {
    explicit Live(Attached attached)
        : database{std::move(attached.database)},
          tail{wal_of(database->path()), std::move(attached.state), attached.committed, std::move(attached.marks)} {}

    /// Frames that a WAL may grow to before it is brought into the database: each time costs what is kept of the hashes.
    std::uint32_t cycle_frames() const { return std::max(1000U, tail.state().pages.pages() / 100); }
    bool cycle_due(Instant now) const {
        const auto& state = tail.state();
        return state.frame >= cycle_frames() && now >= next_cycle && cycled != std::pair{state.salts, state.frame};
    }

    /// Somebody commits all the time: waiting for a moment when nobody does has taken long enough.
    bool lock_due() const { return tail.state().frame >= 4 * cycle_frames(); }

    std::shared_ptr<FollowedDatabase> database;
    WalTail tail;
    LogSink* sink = nullptr;                ///< nothing beside a follower: records are made and not kept
    Instant read_through;                   ///< everything committed before then was read
    std::optional<std::uint64_t> archived;  ///< the end of the archive, until it was reached again
    Instant next_cycle;
    std::chrono::microseconds cycle_pause = cycle_pause_first;
    std::pair<Salts, std::uint32_t> cycled;  ///< generation and frame that a cycle completed: the next writer begins it anew
};

}  // namespace varve::sqlite

/// Where following begins: on from what is archived, when nothing was missed, or with a lineage of its own.
#pragma once

#include <memory>
#include <optional>

#include "sqlite/database.hpp"
#include "sqlite/saved_state.hpp"

namespace varve::sqlite {

struct Attached {
    std::shared_ptr<FollowedDatabase> database;
    TailState state;
    std::deque<LogMark> marks{};  ///< behind the state
    std::uint32_t committed = 0;  ///< frames of the state's WAL generation, with the reader open already
};

/// On from `from`, and nowhere else. Fault::missing when it cannot be shown that nothing was missed since: the WAL is not the
/// generation that was read, or not what it was there, and the database has changed. Blocks.
Attached attach_at(const std::filesystem::path& path, const SavedStates& saved, const LogPosition& from);
/// On from what was read last, else a new lineage, which is kept. Blocks.
Attached attach_anywhere(const std::filesystem::path& path, const SavedStates& saved);
/// A new lineage, which is kept; or the one that a base backup began, when its log has not begun. Blocks.
Attached attach_anew(const std::filesystem::path& path, const SavedStates& saved);

/// `tail` with what else is kept of it.
SavedState saved_state(const TailState& tail, const FollowedDatabase& database);

}  // namespace varve::sqlite

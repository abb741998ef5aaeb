/// A base backup: every page of the database as of one commit.
#pragma once

#include "sqlite/follow.hpp"

namespace varve::sqlite {

/// The name of the database in a backup's list.
inline constexpr const char* database_entry = "database";

/// Fault::overloaded when pages are not what the log made of them: the follower then begins a lineage anew, and the caller
/// tries again.
Task<BackupFacts> back_up_database(Follower& follower, Pools& pools, BackupSink& sink);

}  // namespace varve::sqlite

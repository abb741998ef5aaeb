/// What a MySQL or MariaDB server is, and whether it can be archived.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "mysql/follow.hpp"
#include "mysql/source_settings.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

/// What was found out about a server's tables, for a while.
struct TablesSeen {
    std::chrono::steady_clock::time_point at;
    std::uint64_t bytes = 0;
    std::vector<Finding> findings;
};
using TablesCache = std::shared_ptr<std::optional<TablesSeen>>;

/// As Driver::inspect.
Task<SourceState> inspect_source(SourceSettings settings, Follower& follower, TablesCache tables, Pools& pools);

}  // namespace varve::mysql

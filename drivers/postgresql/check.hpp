/// What stands in the way of archiving a server, or will, each with the exact statement that mends it.
#pragma once

#include <string>
#include <vector>

#include "postgresql/cluster.hpp"
#include "postgresql/connection.hpp"
#include "postgresql/source_settings.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// Rights of the session's role.
Task<std::vector<Finding>> check_role(Session& session, const Cluster& cluster, Method method);

/// Settings of the server. Pure: for tests. `slot` is the follower's; `free_for_log`: bytes free where pg_wal lies, 0: unknown.
std::vector<Finding> check_settings(const Cluster& cluster, const std::string& slot, std::uint64_t free_for_log);

/// What the server is short of, and what fails on it now: walsenders, slots, the archiver.
Task<std::vector<Finding>> check_activity(Session& session, const Cluster& cluster, const std::string& slot);

}  // namespace varve::postgresql

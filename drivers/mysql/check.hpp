/// What of a server's settings, rights and tables keeps it from being archived, or makes an archive worth less; each with the
/// statement that mends it. Blocks.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "mysql/connection.hpp"
#include "mysql/rights.hpp"
#include "mysql/server.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

/// Settings alone. Pure.
std::vector<Finding> check_settings(const ServerFacts& server);
/// What else is not as an archive needs it: rights, filters, replication.
std::vector<Finding> check_session(Connection& connection, const ServerFacts& server, const Rights& rights);
/// Tables that cannot be copied as of one commit, or that cost a restore its time. Asks for every table.
std::vector<Finding> check_tables(Connection& connection);

/// How long the server keeps its log by itself; nothing: for ever.
std::optional<std::chrono::seconds> expiry_of(const ServerFacts& server);
/// `next`: the binlog file that is to be archived next; `left_at`: when the server went on to the one behind it, nothing while
/// it is the newest. Pure.
std::vector<Finding> check_horizon(const ServerFacts& server, const std::string& next, std::optional<Instant> left_at,
                                   Instant now);

}  // namespace varve::mysql

/// How a server's binlog file begins: what tells it from another file of the same name. Blocks.
#pragma once

#include <string>

#include "mysql/binlog_tracker.hpp"
#include "mysql/connection.hpp"

namespace varve::mysql {

/// Fault::missing when the server has no such file.
Fingerprint ask_fingerprint(const ConnectionSettings& settings, const std::string& file);

}  // namespace varve::mysql

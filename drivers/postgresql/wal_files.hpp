/// Whole files of log: those that archive_command hands over, and those that restore_command asks for.
#pragma once

#include <filesystem>
#include <string>

#include "postgresql/connection.hpp"
#include "postgresql/lineage.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// As Driver::identify_log_file, for a server whose log is `server` (its own lineage and those that led to it are known). A
/// segment's header must carry its system identifier, segment size and position, and a segment of its present timeline must end
/// before what it has flushed; Fault::invalid otherwise. Commits and the last whole record are read from the bytes; for a commit
/// that runs over from the segment before, that one must lie in the same folder.
Task<LogFile> identify_wal_file(std::filesystem::path path, ServerLog server, Pools& pools);

/// As Driver::fetch_log_file. A segment of the path has exactly segment_bytes bytes, zero behind the path's tip; a history is any
/// that the archive knows. False: no such name, beyond the tip, or off the path. A segment that the path promises and the archive
/// does not have: Fault::missing.
Task<bool> fetch_wal_file(std::string name, std::filesystem::path to, LogSource& log, Pools& pools);

}  // namespace varve::postgresql

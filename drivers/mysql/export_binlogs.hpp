/// Binlog files out of the archive.
#pragma once

#include <filesystem>
#include <vector>

#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

/// As Driver::export_log: every file of the stretch, from the lineage's first on; the last one as far as it is archived.
Task<std::vector<ExportedFile>> export_binlogs(std::filesystem::path to, LogSource& log, Pools& pools);

}  // namespace varve::mysql

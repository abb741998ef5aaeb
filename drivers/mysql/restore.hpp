/// Giving a server back: a physical backup becomes a data directory, a logical one is loaded into an empty server; then the
/// archived binlog is applied up to the target, and the server's own word for what it applied is compared with what was planned.
#pragma once

#include "mysql/source_settings.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

/// What restore() would throw before it writes.
Task<RestoreOutlook> preview_server(RestoreRequest request, RestoreSource& base, LogSource* log, DriverServices& services);
Task<Restored> restore_server(RestoreRequest request, RestoreSource& base, LogSource* log, DriverServices& services);

}  // namespace varve::mysql

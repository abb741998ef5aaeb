/// Gives a cluster back: a directory that a server can be started on, which then rolls forward to the target by itself.
#pragma once

#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// Refuses before it writes (make_restore_plan, check_directories); after that a failure leaves a directory that no server starts
/// on, and that a delta restore completes. `log` nullptr: as far as the backup's own log reaches.
Task<Restored> restore_cluster(RestoreRequest request, RestoreSource& base, LogSource* log, Pools& pools);

}  // namespace varve::postgresql

/// Gives a cluster back: a directory that a server can be started on, which then rolls forward to the target by itself.
#pragma once

#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// What restore_cluster() would refuse, and how it would provide the log. Writes nothing.
Task<RestoreOutlook> preview_cluster(RestoreRequest request, RestoreSource& base, LogSource* log, Pools& pools);

/// Refuses before it writes; puts the log beside the target and looks at what its replay would do before it touches the target;
/// after that a failure leaves a directory that no server starts on, and that a delta restore completes. `log` nullptr: as far as
/// the backup's own log reaches.
Task<Restored> restore_cluster(RestoreRequest request, RestoreSource& base, LogSource* log, Pools& pools);

}  // namespace varve::postgresql

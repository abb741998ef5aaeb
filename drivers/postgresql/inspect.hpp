/// Looks at a source and changes nothing.
#pragma once

#include "postgresql/source_settings.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

/// Identity, version, position in the lineage that is written now, size, and findings. Errors only when the server cannot be
/// talked to at all; a role without REPLICATION gives no position, and a finding. Facts: "method" (files | stream), "timeline",
/// "wal_segment_size" and what a backup's facts have.
Task<SourceState> inspect_source(SourceSettings settings, Pools& pools);

}  // namespace varve::postgresql

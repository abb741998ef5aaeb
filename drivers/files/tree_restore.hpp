/// One restore of a whole tree to a new directory.
#pragma once

#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::files {

/// Writes folders, then contents, then links, which therefore nothing is ever written through; then owners, modes and times; then
/// makes all of it durable. io thread; the work is done on the blocking pool and by `base`.
Task<Restored> restore_tree(RestoreRequest request, RestoreSource& base, Pools& pools);

}  // namespace varve::files

/// One restore of a tree, whole or in part, to a new directory.
#pragma once

#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::files {

/// What restore_tree() would refuse before it writes. Changes nothing.
Task<RestoreOutlook> preview_tree(RestoreRequest request, RestoreSource& base, Pools& pools);

/// With `include`, only what that means is written (selection.hpp), and the folders above it.
/// Writes folders, then contents, then links, which therefore nothing is ever written through; then owners, modes and times; then
/// makes all of it durable. Files that are damaged in the repository are left out, everything else is finished before they are
/// raised. io thread; the work is done on the blocking pool and by `base`.
Task<Restored> restore_tree(RestoreRequest request, RestoreSource& base, Pools& pools);

}  // namespace varve::files

/// What the results have in common.
#pragma once

#include <chrono>

namespace varve::cli {

/// Seconds in JSON, under a name that ends in `_seconds`.
using Duration = std::chrono::microseconds;

}  // namespace varve::cli

/// What a command would do, told without doing it: --dry-run where nothing better than the request itself is known.
#pragma once

#include <optional>
#include <vector>

#include "cli/requests.hpp"
#include "cli/results_setup.hpp"

namespace varve::cli {

/// The sources that a command names, for making sure that they exist.
std::vector<SourceName> sources_of(const Request& request);

/// The steps of a command that changes something, from its request alone; the caller has made sure that what it names exists.
/// Nothing for a command that changes nothing, and for `restore run`, whose dry run is its plan.
std::optional<DryRunResult> dry_run_of(const Request& request);

}  // namespace varve::cli

/// What a command answers when a signal ended it: its exit code, and what was kept.
#pragma once

#include "cli/requests.hpp"
#include "varve/error.hpp"

namespace varve::cli {

/// Exit code 130 for SIGINT and 143 for SIGTERM; the hint tells what is left and how to go on.
Error interrupted(const Request& request, int signal);

}  // namespace varve::cli

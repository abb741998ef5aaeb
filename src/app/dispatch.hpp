/// From a parsed command line to what is printed: here, or by the service that owns the sources.
#pragma once

#include "cli/parse.hpp"
#include "cli/reply.hpp"

namespace varve {

/// Never throws: a failure is an answer. Blocks until the command has ended.
cli::Answer run_command_line(const cli::CommandLine& line);

}  // namespace varve

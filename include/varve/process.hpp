/// Helper programs: the engine's own tools. Started with posix_spawn, never fork; always reaped.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace varve {

struct Command {
    std::vector<std::string> arguments;              ///< the first is the program; a path, or a name looked up in PATH
    std::map<std::string, std::string> environment;  ///< added to ours. Secrets go here or into a file, never into arguments
    std::optional<std::string> user;                 ///< run as this user (needs root); its groups and HOME as well
    std::filesystem::path directory;                 ///< working directory; empty: ours
    std::string input;                               ///< written to its standard input
    std::chrono::seconds time_max{600};              ///< SIGTERM, five seconds later SIGKILL, then Fault::overloaded
};

struct CommandResult {
    int exit_code = 0;   ///< 128 + signal when it was killed
    std::string output;  ///< standard output, the first 16 MiB
    std::string errors;  ///< standard error, the first 1 MiB
};

/// Runs to its end. Blocks: use the blocking pool. Fault::missing when there is no such program.
CommandResult run_command(const Command& command);

/// What a command says when it fails as a sentence: program, exit code, the last line of its errors.
class Error command_error(const Command& command, const CommandResult& result);

}  // namespace varve

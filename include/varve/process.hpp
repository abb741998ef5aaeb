/// Helper programs: the engine's own tools. Started with posix_spawn, never fork; always reaped.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "varve/bytes.hpp"

namespace varve {

struct Command {
    std::vector<std::string> arguments;              ///< the first is the program; a path, or a name looked up in PATH
    std::map<std::string, std::string> environment;  ///< added to ours. Secrets go here or into a file, never into arguments
    bool is_foreign = false;                         ///< of our environment it gets PATH, HOME, LANG and TZ only
    std::optional<std::string> user;                 ///< run as this user (needs root); its groups and HOME as well
    std::filesystem::path directory;                 ///< working directory; empty: ours
    std::string input;                               ///< written to its standard input
    std::chrono::seconds time_max{600};              ///< SIGTERM, five seconds later SIGKILL, then Fault::overloaded
    bool dies_with_us = false;  ///< SIGTERM when the thread that started it ends (of a pool: with the process)
};

struct CommandResult {
    int exit_code = 0;   ///< 128 + signal when it was killed
    std::string output;  ///< standard output, the first 16 MiB
    std::string errors;  ///< standard error; of more than 1 MiB the end: there stands how it ended
};

/// Runs to its end. Blocks: use the blocking pool. Fault::missing when there is no such program.
CommandResult run_command(const Command& command);

/// Runs both to their ends, what the first prints being the second's input. Blocks. `input` of both is ignored, and so is the
/// time of the second; when one ends badly, the other is ended too, for it waits for nothing.
struct PipelineResult {
    CommandResult producer, consumer;
};
PipelineResult run_pipeline(const Command& producer, const Command& consumer);

/// Starts a program that goes on when we have ended, in a session of its own; what it prints is lost. Gives its process id;
/// whoever wants to know that it ended meanwhile waits for it. `input` and `time_max` are ignored. Fault::missing when there is
/// no such program.
pid_t start_detached(const Command& command);

/// A command that runs beside us: read from it, look after it. `input` and `time_max` are ignored. Its calls block, and are made
/// by one thread at a time; stop() may come from any thread. Killed with its children, and reaped, when this ends.
class RunningCommand {
public:
    explicit RunningCommand(const Command& command);
    RunningCommand(const RunningCommand&) = delete;
    RunningCommand& operator=(const RunningCommand&) = delete;
    ~RunningCommand();

    /// Fills `into` from the standard output; fewer bytes only at its end. What goes to the standard error is kept meanwhile.
    std::size_t read(std::span<std::uint8_t> into);
    /// Whether it ends within `pause`. What it prints is kept.
    bool ends_within(std::chrono::milliseconds pause);
    /// Waits for its end.
    CommandResult finish();
    /// Asks it to end: SIGTERM. A read under way then comes to the end of the output.
    void stop() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// What a command says when it fails as a sentence: program, exit code, the last line of its errors.
class Error command_error(const Command& command, const CommandResult& result);

}  // namespace varve

/// The command line as a request. Text in, values out: nothing is read and nothing is printed here.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/requests.hpp"

namespace varve::cli {

struct CommandLine {
    Globals globals;
    std::string command;  ///< "backup run": the word of the JSON envelope
    Request request;
};

/// Text to print instead of running anything: to stdout when `exit_code` is 0, else to stderr.
struct HelpText {
    std::string text;
    int exit_code = 0;
};

/// `arguments` without the program's name. Throws Error{Fault::invalid} with code `usage` (exit 2), one sentence and a hint, when
/// they make no sense.
std::variant<CommandLine, HelpText> parse(const std::vector<std::string>& arguments);

/// What can be told of a command line that parse() refused: how to answer, and whose answer it is.
struct Glance {
    bool json = false;
    std::string command;  ///< "backup run", or as far as the words name a command
};
Glance glance(const std::vector<std::string>& arguments);

}  // namespace varve::cli

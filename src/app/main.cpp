// The program: the command line becomes a request, the request a result, the result text or JSON and an exit code.
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "app/dispatch.hpp"
#include "cli/parse.hpp"
#include "cli/reply.hpp"
#include "varve/error.hpp"

namespace {

int print(const varve::cli::Answer& answer) {
    std::cout << answer.out << std::flush;
    std::cerr << answer.err << std::flush;
    return answer.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace varve;
    ::umask(0077);
    const std::vector<std::string> arguments{argv + 1, argv + argc};
    try {
        auto parsed = cli::parse(arguments);
        if (const auto* help = std::get_if<cli::HelpText>(&parsed)) {
            (help->exit_code == 0 ? std::cout : std::cerr) << help->text;
            return help->exit_code;
        }
        return print(run_command_line(std::get<cli::CommandLine>(parsed)));
    } catch (const Error& error) {
        const auto seen = cli::glance(arguments);
        return print(cli::answer_of(seen.command, error, seen.json));
    }
}

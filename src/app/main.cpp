// The program: the command line becomes a request, the request a result, the result text or JSON and an exit code.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "app/dispatch.hpp"
#include "cli/parse.hpp"
#include "cli/reply.hpp"
#include "varve/error.hpp"

namespace {

/// An answer that could not be written (a full disk, a closed pipe) was not given: a key that was exported there is not there.
int print(const varve::cli::Answer& answer) {
    std::cout << answer.out << std::flush;
    std::cerr << answer.err << std::flush;
    if (std::cout) return answer.exit_code;
    std::cerr << "error: the answer could not be written to standard output" << std::endl;
    return answer.exit_code == 0 ? 1 : answer.exit_code;
}

/// Each followed database takes a handful of descriptors, and nothing here uses select().
void raise_descriptor_limit() {
    ::rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
    using namespace varve;
    ::umask(0077);
    raise_descriptor_limit();
    // Packs of 16 MiB pass from thread to thread. With an arena for each, what one freed is no use to the others: more memory,
    // and fresh pages are dear.
    ::mallopt(M_ARENA_MAX, 2);
    ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 32 << 20);
    const std::vector<std::string> arguments{argv + 1, argv + argc};
    try {
        auto parsed = cli::parse(arguments);
        if (const auto* help = std::get_if<cli::HelpText>(&parsed)) {
            return print(help->exit_code == 0 ? cli::Answer{.out = help->text, .err = {}, .exit_code = 0}
                                              : cli::Answer{.out = {}, .err = help->text, .exit_code = help->exit_code});
        }
        return print(run_command_line(std::get<cli::CommandLine>(parsed)));
    } catch (const Error& error) {
        const auto seen = cli::glance(arguments);
        return print(cli::answer_of(seen.command, error, seen.json));
    }
}

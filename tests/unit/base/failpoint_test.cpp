#include "varve/failpoint.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "support/temp_dir.hpp"
#include "varve/process.hpp"

namespace varve::test {
namespace {

// Not a test of its own: the next one runs it in a child of this program.
TEST_CASE("passes two failpoints", "[.child]") {
    failpoint("test.first");
    failpoint("test.second");
    failpoint("test.first");
    failpoint("test.second");
}

struct Row {
    const char* failpoint;
    int exit_code;
    const char* log;
};

TEST_CASE("a failpoint kills the process where it stands, and what was passed is on record") {
#ifndef VARVE_FAILPOINTS
    WARN("skipped: failpoints are not compiled in");
#else
    const auto row = GENERATE(values<Row>({{"test.first", 128 + SIGKILL, "test.first\n"},
                                           {"test.second:2", 128 + SIGKILL, "test.first\ntest.second\ntest.first\ntest.second\n"},
                                           {"test.none", 0, "test.first\ntest.second\ntest.first\ntest.second\n"}}));
    CAPTURE(row.failpoint);
    const TempDir folder;
    Command command;
    command.arguments = {std::filesystem::read_symlink("/proc/self/exe"), "passes two failpoints"};
    command.environment = {{"VARVE_FAILPOINT", row.failpoint}, {"VARVE_FAILPOINT_LOG", folder / "log"}};

    CHECK(run_command(command).exit_code == row.exit_code);
    CHECK(read_text(folder / "log") == row.log);
#endif
}

}  // namespace
}  // namespace varve::test

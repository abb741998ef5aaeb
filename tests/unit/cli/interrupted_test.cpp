#include "cli/interrupted.hpp"

#include <catch2/catch.hpp>
#include <csignal>

#include "cli/reply.hpp"

using namespace varve;
using namespace varve::cli;

TEST_CASE("a command that a signal ends exits with 130 or 143 and says what was kept") {
    RestoreRunRequest restore;
    restore.options.to = "/srv/copy";

    const auto by_int = interrupted(BackupRunRequest{}, SIGINT);
    const auto by_term = interrupted(restore, SIGTERM);

    CHECK(by_int.exit_code() == 130);
    CHECK(by_term.exit_code() == 143);
    CHECK(by_int.remedy().find("Nothing of the unfinished backup is listed") != std::string::npos);
    CHECK(by_term.remedy().find("/srv/copy is not whole") != std::string::npos);
    CHECK(by_term.remedy().find("--delta") != std::string::npos);
    const auto back = find_error(reply_of("restore run", by_term)).value();
    CHECK(back.fault() == Fault::cancelled);
    CHECK(back.exit_code() == 143);
}

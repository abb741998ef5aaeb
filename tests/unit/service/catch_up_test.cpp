#include "service/catch_up.hpp"

#include <catch2/catch.hpp>

using namespace varve;
using namespace std::chrono_literals;

namespace {

FollowState cut_off_by(Fault fault, std::string problem) {
    FollowState state;
    state.fault = fault;
    state.problem = std::move(problem);
    return state;
}

}  // namespace

TEST_CASE("waiting ends at once for what time alone will not mend, and says it") {
    const auto reason = why_not_wait(cut_off_by(Fault::denied, "the role may not replicate"), 0s);

    REQUIRE(reason);
    CHECK(reason->fault() == Fault::denied);
    CHECK(reason->sentence() == "the log is not followed: the role may not replicate");
    CHECK_FALSE(reason->remedy().empty());
}

TEST_CASE("waiting ends for a server that is away only when that lasts") {
    CHECK_FALSE(why_not_wait(cut_off_by(Fault::unreachable, "the server is away"), 30s));
    CHECK(why_not_wait(cut_off_by(Fault::unreachable, "the server is away"), 31s).value().fault() == Fault::unreachable);
    CHECK_FALSE(why_not_wait(FollowState{}, 1s));
    CHECK(why_not_wait(FollowState{}, 31s));
}

TEST_CASE("a follower that is connected is waited for, whatever was before") {
    FollowState state;
    state.connected = true;

    CHECK_FALSE(why_not_wait(state, 31s));
}

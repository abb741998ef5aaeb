#include "service/catch_up.hpp"

namespace varve {

namespace {

constexpr std::chrono::milliseconds look_pause{100};

Task<> watch(Clock& clock, const LogFollower& follower) {
    std::optional<std::chrono::steady_clock::time_point> cut;
    for (;;) {
        const auto state = follower.state();
        const auto now = std::chrono::steady_clock::now();
        if (state.connected)
            cut.reset();
        else if (!cut)
            cut = now;
        if (cut)
            if (auto reason = why_not_wait(state, std::chrono::duration_cast<std::chrono::microseconds>(now - *cut)))
                throw std::move(*reason);
        co_await clock.sleep_for(look_pause);
    }
}

}  // namespace

std::optional<Error> why_not_wait(const FollowState& state, std::chrono::microseconds cut_off) {
    if (state.connected) return {};
    const bool lasting = state.fault && *state.fault != Fault::unreachable && *state.fault != Fault::overloaded;
    if (!lasting && cut_off <= catch_up_patience) return {};
    Error error{state.fault.value_or(Fault::unreachable),
                state.problem.empty() ? "the log is not followed" : "the log is not followed: " + state.problem};
    return std::move(error).hint(state.remedy.empty() ? "varve status tells what the service does about it." : state.remedy);
}

Task<LogPosition> catch_up(Clock& clock, LogFollower& follower) {
    std::optional<LogPosition> position;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(watch(clock, follower));
        position = co_await follower.caught_up();
        group.request_stop();
    };
    co_await in_group(body);
    co_return std::move(*position);
}

}  // namespace varve

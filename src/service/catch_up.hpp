/// Waiting for a followed log on behalf of somebody: never longer than there is hope.
#pragma once

#include <chrono>
#include <optional>

#include "jobs/log_job.hpp"
#include "varve/clock.hpp"
#include "varve/error.hpp"

namespace varve {

constexpr std::chrono::seconds catch_up_patience{30};

/// Why it is no use to wait for this follower, cut off for `cut_off` now: at once what time alone will not mend (a missing right,
/// a slot in use), everything else when it lasts. Nothing: wait. Pure.
std::optional<Error> why_not_wait(const FollowState& state, std::chrono::microseconds cut_off);

/// Ends when everything the server had written is durable, or throws why_not_wait(). io thread.
Task<LogPosition> catch_up(Clock& clock, LogFollower& follower);

}  // namespace varve

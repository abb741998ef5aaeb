/// What the service knows of a source, in the terms of its status.
#pragma once

#include "jobs/status_job.hpp"
#include "service/service.hpp"

namespace varve {

/// Per copy: a required one is as old as the log that waits for all of them. Of another copy only the newest object is known:
/// while it is behind, nobody knows since when. While the source itself is not followed and nothing waits, nobody knows how much
/// it has written since: then there is no lag.
ServiceView view_of(const ServedState& state, const Copies& copies, Instant now);

}  // namespace varve

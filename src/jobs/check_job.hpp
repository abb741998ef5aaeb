/// Proving that a source can be archived: what the server says, and a mark that goes all the way round.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobs/log_job.hpp"
#include "jobs/source.hpp"

namespace varve {

struct RepositoryCheck {
    RepositoryName name;
    bool required = true;
    std::vector<Finding> findings;
    std::chrono::microseconds clock_skew{};  ///< store minus host
};

struct SourceCheck {
    SourceName source;
    std::string identity, version;
    std::vector<Finding> findings;
    std::optional<LogPosition> round_trip;  ///< the mark, durable on every required copy
    std::chrono::microseconds round_trip_time{};
};

/// Each copy answers and its clock is near ours.
Task<std::vector<RepositoryCheck>> check_repositories(JobContext& context);

/// Findings of the driver, and, where `follower` follows the log, a forced switch that must become durable within `patience`.
/// Never throws for what the source is like: that is a finding.
Task<SourceCheck> check_source(JobContext& context, Source& source, LogFollower* follower,
                               std::chrono::microseconds patience = std::chrono::seconds{30});

/// A restore point in the source's log, durable on every required copy; gives where it lies. Fault::overloaded when it is not
/// durable within `patience`: it may become so later.
Task<LogPosition> set_mark(JobContext& context, Source& source, LogFollower& follower, std::string name,
                           std::chrono::microseconds patience = std::chrono::seconds{30});

/// Whether what is durable covers `wanted`: positions of two lineages say nothing of each other.
bool covers(const std::optional<LogPosition>& durable, const LogPosition& wanted);

/// Whether a finding is an error.
bool has_errors(const std::vector<Finding>& findings);

}  // namespace varve

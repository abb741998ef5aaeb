/// Everything that the service tells Prometheus. The names are a contract: docs/interface.md, "Metrics". What is not known is
/// absent, and never 0.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "jobs/status_job.hpp"

namespace varve {

/// What is known of one copy of the repository.
struct RepositoryFacts {
    RepositoryName name;
    bool required = true;
    std::uint64_t retries = 0;                            ///< of requests, since the service began
    std::optional<bool> answers;                          ///< the last time that it was asked
    std::optional<std::chrono::microseconds> clock_skew;  ///< store minus host, then
    struct Kind {
        std::uint64_t objects = 0, bytes = 0;
    };
    std::map<std::string, Kind> kinds;  ///< by the first folder of their keys
    std::optional<Instant> measured;    ///< when they were counted
};

struct MetricsInput {
    Instant now, began;  ///< of the service
    std::vector<SourceStatus> sources;
    std::vector<RepositoryFacts> repositories;
    std::map<SourceName, Instant> next_deletion;
    /// Per way of notifying ("webhook", "smtp", "exec", "alive").
    struct Notices {
        std::uint64_t sent = 0, failed = 0;
    };
    std::map<std::string, Notices> notices;
};

/// The text exposition format, 0.0.4. Pure.
std::string metrics_text(const MetricsInput& input);
/// Its media type.
constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";

/// `/readyz`: a line for each source that is not archived as it should be, or is not known to be; empty: all are. Names and
/// states only: reasons may hold what a server said.
std::string unready(const std::vector<SourceStatus>& sources);

/// "ok", "warning", "failed" or "unknown".
std::string_view word_of(Verdict verdict);

}  // namespace varve

/// Looks after the repositories beside the work: whether each answers, its clock, what it holds, and what will be deleted next.
/// For the metrics alone: nothing of the work waits for it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "jobs/source.hpp"
#include "service/metrics.hpp"

namespace varve {

struct WatchRules {
    std::chrono::microseconds ask_again = std::chrono::minutes{1};
    std::chrono::microseconds count_again = std::chrono::hours{6};  ///< lists the whole repository
    std::chrono::microseconds plan_again = std::chrono::hours{1};   ///< reads the archive of each source
    std::chrono::microseconds plan_first = std::chrono::minutes{1};
    std::chrono::microseconds patience = std::chrono::minutes{1};  ///< for an answer
    int plan_days = 30;
};

/// io thread.
class RepositoryWatch {
public:
    /// `retries`: of one copy so far. `context` and `sources` outlive this.
    RepositoryWatch(JobContext& context, std::vector<Source*> sources,
                    std::function<std::uint64_t(const RepositoryName&)> retries, WatchRules rules = {});
    ~RepositoryWatch();

    /// Until cancelled. A repository that does not answer is a fact, and no failure of this.
    Task<> run();
    std::vector<RepositoryFacts> facts() const;
    /// The first planned deletion of each source that has one.
    std::map<SourceName, Instant> next_deletions() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve

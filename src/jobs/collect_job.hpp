/// Removes from every copy what nothing keeps any more: condemned, and three days later swept. docs/retention.md, "Collection".
/// No lock: any number of collectors, backups and restores may run at the same time.
#pragma once

#include <vector>

#include "jobs/collect_survey.hpp"

namespace varve {

/// Objects of a source in one copy, by kind.
struct CollectCount {
    std::uint64_t backups = 0, packs = 0, logs = 0, bytes = 0;
    void add(const Doomed& one);
    std::uint64_t objects() const noexcept { return backups + packs + logs; }
};

/// What was done with one source in one copy, or would be.
struct SourceCollected {
    SourceName source;
    std::vector<RetentionPause> pauses;
    std::vector<CollectRefusal> refused;
    bool asks_for_less = false;     ///< see SourceSurvey
    CollectCount condemned;         ///< now, for the first time
    CollectCount waiting;           ///< condemned before, and not yet for three days
    CollectCount swept;             ///< removed
    std::optional<Instant> next{};  ///< when the first of what is condemned may be swept
};

struct CopyCollected {
    RepositoryName copy;
    std::vector<SourceCollected> sources;
};

struct CollectReport {
    std::vector<CopyCollected> copies;
    std::vector<RepositoryName> unanswered;
};

/// What collect() would do now. Puts and removes nothing.
Task<CollectReport> plan_collect(JobContext& context, std::vector<Source*> sources);

/// One run over every copy that answers. With an approval, what it puts is signed with the admin's key. Stopped anywhere, the
/// next run goes on from there.
Task<CollectReport> collect(JobContext& context, std::vector<Source*> sources, Approval approval);

}  // namespace varve

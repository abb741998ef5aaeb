/// What nothing keeps any more, in every copy, as the repository shows it now; and what stops its removal. Removes nothing.
#pragma once

#include <vector>

#include "jobs/collect_brakes.hpp"
#include "policy/collect_plan.hpp"

namespace varve {

/// One source in one copy.
struct SourceSurvey {
    SourceName source;
    RetentionArchive archive;
    CollectInventory inventory;
    RetentionPlan plan;
    RetentionRule rule;                   ///< by which it was judged
    bool asks_for_less = false;           ///< the configuration has a shorter age of log than the one that was judged by
    std::vector<CollectRefusal> refused;  ///< brakes
    std::vector<Doomed> doomed;           ///< none while something pauses or stops it
    std::uint64_t bytes = 0;              ///< of all that the copy has of it
};

struct CopySurvey {
    Copy copy;
    Instant now;  ///< by its store's clock
    CollectHistory history;
    std::vector<SourceSurvey> sources;
};

struct CollectSurvey {
    std::vector<CopySurvey> copies;
    std::vector<RepositoryName> unanswered;  ///< copies that are not required and did not answer: nothing of them goes
};

/// With `Approval::given` an admin takes the configuration's age of log as it is.
enum class Approval { none, given };

/// Lists everything of the sources, opens every manifest and every note. Fault::unreachable while a required copy does not
/// answer: what is on every required copy decides what may go. Fault::denied (12) without a key that opens manifests and records.
Task<CollectSurvey> survey_collection(JobContext& context, std::vector<Source*> sources, Approval approval);

}  // namespace varve

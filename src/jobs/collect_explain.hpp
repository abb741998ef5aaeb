/// What keeps one object, or who removed it and why: `varve gc explain`.
#pragma once

#include <string>
#include <vector>

#include "jobs/collect_survey.hpp"

namespace varve {

struct ObjectExplained {
    struct Event {
        std::string kind;  ///< condemned | sweep | swept
        Instant time;
        std::string host;
        bool by_admin = false;
        std::string reason;
    };
    RepositoryName copy;
    bool present = false;
    std::vector<std::string> kept;         ///< half sentences; none: nothing keeps it
    std::vector<std::string> stopped;      ///< why nothing of its source goes now: full sentences
    std::optional<Instant> sweep_after{};  ///< condemned, and nothing keeps it
    std::vector<Event> history;            ///< oldest first
};
struct Explanation {
    std::string key;
    std::vector<ObjectExplained> copies;  ///< those that answer
};

/// `text`: an object's key, or a backup's id. Fault::missing when no copy has such an object and no record names it.
Task<Explanation> explain_object(JobContext& context, std::vector<Source*> sources, std::string text);

}  // namespace varve

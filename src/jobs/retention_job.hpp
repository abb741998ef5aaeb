/// What of a source will go in the days to come, and why. Reads the repository and removes nothing.
#pragma once

#include <vector>

#include "jobs/source.hpp"
#include "policy/retention_forecast.hpp"

namespace varve {

struct SourceRetention {
    SourceName source;
    Instant now;  ///< by the store's clock of the first copy
    /// Why nothing is condemned now, and in which copies.
    struct Pause {
        RetentionPause pause;
        std::vector<RepositoryName> copies;
    };
    std::vector<Pause> pauses;
    struct Deletion {
        PlannedDeletion planned;
        std::vector<RepositoryName> copies;  ///< from which it goes then
    };
    std::vector<Deletion> deletions;  ///< by time
    /// A backup, and what keeps it now. In several copies: all that keeps it in one of them.
    struct KeptBackup {
        RetainedBackup backup;
        Instant expires;
        std::vector<Kept> kept;  ///< none: it may be condemned
    };
    std::vector<KeptBackup> backups;  ///< newest first
    std::vector<RecoveryWindow> windows_before, windows_after;
    std::vector<RepositoryName> unanswered;  ///< copies that are not required and did not answer: they are not judged
};

/// Fault::unreachable while a required copy does not answer: whether a backup is on every required copy decides what may go.
Task<SourceRetention> plan_source_retention(JobContext& context, Source& source, int days);

}  // namespace varve

/// What will be condemned in the days to come, and why, before it is. Pure.
#pragma once

#include "policy/retention_plan.hpp"

namespace varve {

/// A backup, or a run of log objects of one lineage that go together.
struct PlannedDeletion {
    std::optional<BackupId> backup{};  ///< else log:
    LineageName lineage{};
    std::uint64_t from = 0, to = 0;
    std::size_t objects = 1;
    std::uint64_t bytes = 0;           ///< of log; what a backup's removal frees depends on who else uses its packs
    Instant time;                      ///< nothing keeps it from here on, to the day
    Instant expired;                   ///< backup: when its time was over; log: when the newest of it grew older than the window
    bool shortened = false;            ///< by an admin
    bool after_newer_backups = false;  ///< what keeps it now does so until there are newer backups
};
/// "its time was over at …": half a sentence.
std::string words_of(const PlannedDeletion& deletion);

struct RetentionForecast {
    std::vector<PlannedDeletion> deletions;  ///< by time
    RetentionArchive left;                   ///< of what is there now, when all of them are done
};

/// Until `days` from now, as if the pauses ended and backups went on: from tomorrow on there is a newer one each day, as
/// good as can be, unless the source is retired. What is judged otherwise when the day comes is kept longer, never shorter.
RetentionForecast forecast_retention(RetentionArchive archive, const RetentionRule& rule, const PolicyZone& zone,
                                     const RetentionClocks& clocks, int days);

}  // namespace varve

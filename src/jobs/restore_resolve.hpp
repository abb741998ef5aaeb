/// What was asked for, found in the archive: a base, the log that leads on from it, and what the driver makes of the target
/// there.
#pragma once

#include "jobs/restore_job.hpp"

namespace varve {

struct Resolution {
    Repository::Manifest base;
    BackupFacts facts;
    RestoreChoice choice;
    ResolvedTarget target;
};

/// An older state never passes for the one that was asked for. Error code `point_not_recoverable` (22) with the nearest that can
/// be had; Fault::unreachable (75) when a copy of the repository that did not answer may have it; Fault::corrupt (13) when a
/// damaged backup may have led to it.
Task<Resolution> resolve(JobContext& context, Source& source, const RestoreOrder& order, const ArchiveView& view);

/// The backup that an order means by itself, as for a source that has no log: for looking into it. Refuses as resolve().
RestoreChoice choose_backup(const JobContext& context, const RestoreOrder& order, const ArchiveView& view);

/// Error code `wrong_key` (12) when the keys held here open the structure of backups and no more.
void require_content(const Repository::Manifest& manifest);

}  // namespace varve

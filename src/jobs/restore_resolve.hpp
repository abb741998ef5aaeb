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

}  // namespace varve

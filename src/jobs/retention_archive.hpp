/// The archive of a source as retention sees it, gathered from the repository. Of retention_job.
#pragma once

#include <vector>

#include "jobs/archive_view.hpp"
#include "policy/retention_plan.hpp"

namespace varve {

/// Everything of one source, whatever copy holds it.
struct WholeArchive {
    RetentionArchive archive;
    std::vector<std::vector<RepositoryName>> backup_copies, log_copies;  ///< of archive.backups and archive.log, one by one

    /// What one copy holds; lineages and notes are those of all.
    RetentionArchive held_by(const RepositoryName& copy) const;
};

/// Notes and evidence are opened one by one.
Task<WholeArchive> gather_archive(JobContext& context, Source& source, ArchiveView view);
/// The clocks of one copy, when its objects were put, and what admins said of a silence in any source.
Task<RetentionClocks> read_clocks(JobContext& context, const Copy& copy, std::vector<Instant> acknowledged);
/// When an admin acknowledged something that is no backup's, in any source.
Task<std::vector<Instant>> silences_acknowledged(JobContext& context);

}  // namespace varve

/// The archive of a source as retention sees it, gathered from the repository. Of retention_job.
#pragma once

#include <vector>

#include "jobs/archive_view.hpp"
#include "policy/retention_plan.hpp"
#include "repository/collect_history.hpp"

namespace varve {

/// Everything of one source, whatever copy holds it.
struct WholeArchive {
    /// What is stored of a backup, beside what retention sees of it.
    struct StoredBackup {
        ObjectKey key;
        std::uint64_t bytes = 0;  ///< of the manifest
        std::vector<RepositoryName> copies;
        // Of a damaged manifest nothing of this is known:
        std::string month;
        std::vector<StoredPack> packs;
        std::string previous;  ///< hash of the manifest that it was made after; empty for the first
    };
    struct StoredLog {
        ObjectKey key;
        std::vector<RepositoryName> copies;
    };
    RetentionArchive archive;
    std::vector<StoredBackup> backups;  ///< of archive.backups, one by one
    std::vector<StoredLog> log;         ///< of archive.log, one by one

    /// What one copy holds, by index.
    struct Holding {
        std::vector<std::size_t> backups, log;
    };
    Holding holding(const RepositoryName& copy) const;
    /// The same as an archive of its own; lineages and notes are those of all.
    RetentionArchive held_by(const RepositoryName& copy) const;
};

/// Notes and evidence are opened one by one.
Task<WholeArchive> gather_archive(JobContext& context, Source& source, ArchiveView view);
/// The clocks of one copy, when its objects were put (also those that collectors removed: they leave no silence behind), and what
/// admins said of a silence in any source.
Task<RetentionClocks> read_clocks(JobContext& context, const Copy& copy, const CollectHistory& history,
                                  std::vector<Instant> acknowledged);
/// When an admin acknowledged something that is no backup's, in any source.
Task<std::vector<Instant>> silences_acknowledged(JobContext& context);

}  // namespace varve

/// The archive of one source as policy sees it: gathered from the repository, a value.
#pragma once

#include <string>
#include <vector>

#include "jobs/source.hpp"
#include "policy/restore_choice.hpp"
#include "repository/log_catalog.hpp"

namespace varve {

struct ArchiveView {
    /// A committed backup; the content part is read again when it is needed.
    struct Backup {
        BackupName name;
        format::ManifestStructure structure;
    };
    std::vector<Backup> backups;  ///< newest first
    LogCatalog log;
    ArchiveContent content;

    /// Fault::missing with the ids that there are.
    const Backup& backup(const BackupId& id) const;
};

/// One LIST of backups and logs, and the structure of each manifest. A manifest that cannot be read is reported and left out:
/// the others still restore. `known_through`: see ArchivedLog; from a service that had caught up.
/// `archived` outlives the view.
Task<ArchiveView> read_archive(JobContext& context, const Source& archived, std::optional<Instant> known_through = {});

}  // namespace varve

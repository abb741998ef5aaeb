/// The archive of one source as policy sees it: gathered from the repository, a value.
#pragma once

#include <string>
#include <vector>

#include "jobs/source.hpp"
#include "policy/restore_choice.hpp"
#include "repository/log_catalog.hpp"
#include "varve/error.hpp"

namespace varve {

struct ArchiveView {
    /// A committed backup; the content part is read again when it is needed.
    struct Backup {
        BackupName name;
        format::ManifestStructure structure;
    };
    /// A manifest that cannot be read, and why.
    struct Damaged {
        BackupName name;
        Error error;
    };
    std::vector<Backup> backups;   ///< newest first
    std::vector<Damaged> damaged;  ///< newest first
    LogCatalog log;
    ArchiveContent content;
    /// Copies of the repository that did not say what they have: one of them may hold something newer.
    struct Silent {
        RepositoryName copy;
        bool required = true;
    };
    std::vector<Silent> silent;  ///< required ones first

    /// Fault::missing when there is none; Fault::corrupt, with the object's name, when its manifest is damaged.
    const Backup& backup(const BackupId& id) const;
    /// Throws as backup() does when `id` names a damaged one; fine for any other.
    void require_whole(const BackupId& id) const;
};

/// One LIST of backups and logs, and the structure of each manifest. A manifest that cannot be read stands apart: the others
/// still restore. `known_through`: see ArchivedLog; from a service that had caught up.
/// `archived` outlives the view.
Task<ArchiveView> read_archive(JobContext& context, const Source& archived, std::optional<Instant> known_through = {});

}  // namespace varve

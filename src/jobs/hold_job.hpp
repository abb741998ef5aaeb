/// What an operator says of backups: held, released, acknowledged, given up, to be deleted. And the hold that a restore puts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobs/source.hpp"
#include "repository/log_catalog.hpp"

namespace varve {

/// A backup by its id, or a source by its name: ids hold a capital letter, names of sources none.
struct NoteSubject {
    SourceName source;
    std::optional<BackupId> backup;  ///< nothing: the source
};
/// Fault::missing (`backup_not_found`) when no source has such a backup. For Missing::may also a backup that collectors' records
/// know and no repository lists any more, and the first eight digits of the hash of one that another was made after.
enum class Missing { may_not, may };
Task<NoteSubject> find_note_subject(JobContext& context, std::vector<Source*> sources, std::string text, Missing missing);

/// Puts a note; durable on every required copy. Kinds that let something go need the admin's key (12).
Task<Instant> put_note(JobContext& context, NoteSubject subject, std::string kind, std::optional<Instant> until = {});

/// Puts a hold and then looks for a sweep. Fault::refused (`being_collected`, 5) when a collector is removing what is meant.
Task<Instant> hold_backup(JobContext& context, NoteSubject subject, std::optional<Instant> until);

/// A backup's time ends now: what `varve backup delete` asks for. Fault::refused (5) with the reason while something else keeps
/// it: a floor, the point-in-time window, a hold.
Task<Instant> delete_backup(JobContext& context, Source& source, BackupId backup);

/// What a restore is about to read.
struct ReadSubject {
    SourceName source;
    BackupName backup;
    LineagePath path;
    LogCatalog log;
};
/// Keeps collectors away from it for a week, as far as this host can put notes (it says so when it cannot), then looks for a
/// sweep. Fault::refused (`being_collected`, 5).
Task<> hold_for_restore(JobContext& context, ReadSubject subject);
/// Puts the hold anew every two days until stopped: for the time of a restore.
Task<> keep_holding(JobContext& context, ReadSubject subject);

}  // namespace varve

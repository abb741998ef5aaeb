/// Looking into stored backups: what lies where, what matches, what differs, and single contents. Writes nothing; needs a key
/// that reads content, and neither the source nor a lock.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/archive_view.hpp"
#include "jobs/source.hpp"
#include "pipeline/list_compare.hpp"
#include "pipeline/list_walk.hpp"
#include "pipeline/recall.hpp"
#include "repository/pack_origin.hpp"
#include "varve/patterns.hpp"

namespace varve {

/// Which backup is meant: one by its id, or the newest one that had ended at a time, or the newest.
struct BackupWanted {
    std::optional<BackupId> backup;
    std::optional<Instant> time;
};

/// A backup whose list is at hand.
struct OpenedBackup {
    Repository::Manifest manifest;
    std::vector<std::string> notes;  ///< what a person should know of the choice: full sentences
    std::unique_ptr<RepositoryPackOrigin> origin;
    std::unique_ptr<Recall> recall;
    std::shared_ptr<const RecallList> list;
};

/// Chooses as a restore would, as if there were no log; refuses as it does.
Task<OpenedBackup> open_backup(JobContext& context, Source& source, const ArchiveView& view, BackupWanted wanted);

/// A path as somebody typed it, as lists have it: without slashes at its ends, without `.`; empty: the top.
std::string list_path(const std::string& typed);

/// What is at `path` (as lists have it). Error code `path_not_found` (1), with a path that was probably meant.
Task<Listed> find_path(JobContext& context, const Source& source, const OpenedBackup& backup, std::string path);

/// Takes some of what was found; never none.
template <class T>
using Take = std::function<Task<>(std::vector<T>)>;

Task<> each_in_folder(JobContext& context, const OpenedBackup& backup, std::string folder, FolderWalk::Depth depth,
                      Take<Listed> take);
Task<> each_match(JobContext& context, const OpenedBackup& backup, Patterns patterns, Take<Listed> take);
Task<> each_difference(JobContext& context, const OpenedBackup& before, const OpenedBackup& after, Take<ListDifference> take);

/// One state of a file, and the backups that have it.
struct FileVersion {
    Entry entry;
    std::vector<BackupId> backups;  ///< newest first
};
/// What matches in any backup of a source, by path; of each path the newest version first.
struct FoundVersions {
    std::map<std::string, std::vector<FileVersion>> files;
    std::size_t backups = 0;                    ///< that were searched
    std::vector<ArchiveView::Damaged> damaged;  ///< that could not be
    std::vector<std::string> notes;
};
/// One backup after the other. Versions are kept in memory: Fault::refused when they are more than a million.
Task<FoundVersions> find_versions(JobContext& context, Source& source, const ArchiveView& view, Patterns patterns);

/// The regular file whose content `path` (as lists have it) stands for: itself, or the file that it is a further name of.
/// Error code `no_content` (1) for a folder, a link or a device.
Task<Entry> find_content(JobContext& context, const Source& source, const OpenedBackup& backup, std::string path);

}  // namespace varve

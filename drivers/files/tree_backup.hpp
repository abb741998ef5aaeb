/// One backup of the configured trees: walks them, gives every entry to the sink, and keeps what could not be read as findings.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "files/tree_reader.hpp"
#include "files/tree_settings.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::files {

/// For one run. io thread; looking and opening is done on the blocking pool.
class TreeBackup {
public:
    TreeBackup(const TreeSettings& settings, Pools& pools, BackupSink& sink, bool read_everything,
               asio::any_io_executor executor);

    /// Ends when every entry was taken. Fault::missing when none of the paths could be opened. Errors of the sink are thrown.
    Task<std::vector<Finding>> run();

private:
    using FolderPtr = std::shared_ptr<const Folder>;
    /// A file by its folder, which stays open, and its name there.
    struct Place {
        FolderPtr folder;
        std::string name;
        bool has_wal = false;
        std::filesystem::path path() const { return folder->path / name; }
    };
    /// Small files that are taken together: place and entry of each.
    struct Batch {
        std::vector<Place> places;
        std::vector<Entry> entries;
        std::size_t folders = 0;  ///< changes of folder among them: each keeps a descriptor open
    };
    struct Opened;
    class StillCheck;

    Task<> take_paths(TaskGroup& group);
    Task<bool> take_path(TaskGroup& group, std::filesystem::path path);
    Task<> take_single_file(TaskGroup& group, std::filesystem::path path);
    Task<> walk(TaskGroup& group, FolderPtr folder);
    Task<> take(TaskGroup& group, FolderPtr folder, Seen seen);
    Task<> enter(TaskGroup& group, FolderPtr folder, Seen seen);
    Task<> take_linked_file(FolderPtr folder, Seen seen);
    /// False when it could not be read, or was gone. `reads`: so often it was read already, and changed meanwhile.
    Task<bool> take_file(Place place, Entry entry, int reads = 0);
    Task<> take_file_with(Budget::Share share, Place place, Entry entry);
    /// Small ones are gathered and taken together.
    Task<> take_plain_file(TaskGroup& group, Place place, Entry entry);
    Task<> take_gathered(TaskGroup& group);
    Task<> take_batch(Budget::Share share, Batch batch);
    Task<Batch> leave_out_carried(Batch batch);
    /// Thrown when it is not about the file; nothing when that is gone.
    void note_failure(const Error& error, const std::filesystem::path& path);
    Task<bool> take_database(Entry entry, std::filesystem::path path);
    Task<bool> was_changed(std::shared_ptr<const LocalFile> file);
    void note_unreadable(const Error& error);
    void note_foreign_database(const Folder& folder, const std::vector<std::string>& names);

    const TreeSettings& settings_;
    Pools& pools_;
    BackupSink& sink_;
    bool read_everything_;
    TreeReader reader_;
    Budget open_files_;
    Batch gathered_;
    std::map<std::pair<dev_t, ino_t>, std::string> linked_;  // files with several names: where the first one lies in the list
    std::uint64_t devices_left_out_ = 0;
    std::vector<Finding> findings_;
};

}  // namespace varve::files

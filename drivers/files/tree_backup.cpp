#include "files/tree_backup.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "sqlite/capture.hpp"

namespace varve::files {
namespace {

constexpr std::uint64_t open_files_max = 16;
constexpr std::uint64_t batch_share = 4;  ///< of open_files_max, for a batch of small files and the folders that they lie in
constexpr std::size_t batch_folders_max = 16;
constexpr std::size_t names_at_once = 256;
constexpr std::uint64_t capture_bytes = 1U << 20;
constexpr int reads_max = 3;  // of a file that changes while it is read

bool same_state(const struct ::stat& one, const struct ::stat& other) {
    return one.st_size == other.st_size && one.st_mtim.tv_sec == other.st_mtim.tv_sec &&
           one.st_mtim.tv_nsec == other.st_mtim.tv_nsec && one.st_ctim.tv_sec == other.st_ctim.tv_sec &&
           one.st_ctim.tv_nsec == other.st_ctim.tv_nsec;
}

/// WAL, index and journal of a database in the same folder: what they hold is in the database as it is captured, and they must
/// not be opened beside SQLite.
std::set<std::string> companions_in(const Folder& folder, const std::vector<std::string>& names) {
    std::set<std::string> companions;
    for (const auto& name : names) {
        const std::string owner{sqlite::owner_of_companion(name)};
        if (owner.empty() || !std::ranges::binary_search(names, owner)) continue;
        try {
            if (sqlite::is_database(LocalFile::open_at(folder.descriptor.get(), owner, folder.path / owner)))
                companions.insert(name);
        } catch (const Error&) {
            continue;  // whatever it is, it is no database that can be read
        }
    }
    return companions;
}

bool has_wal(const Folder& folder, const std::string& name) {
    struct ::stat status{};
    return ::fstatat(folder.descriptor.get(), (name + "-wal").c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_size > 0;
}

/// Whether `error` is about this file, and not about where it goes.
bool is_about(const Error& error, const std::filesystem::path& path) {
    const auto found = error.context().find("path");
    return found != error.context().end() && found->second == path.string();
}

}  // namespace

/// A file on its way, as it was when it was opened.
struct TreeBackup::Opened {
    std::shared_ptr<const LocalFile> file;
    bool is_sqlite = false;
};

/// Keeps a file out of the backup that changed between its opening and its last byte.
class TreeBackup::StillCheck final : public BlockCheck {
public:
    explicit StillCheck(std::shared_ptr<const LocalFile> file) : file_{std::move(file)} {}
    void look(std::uint64_t, ByteView) override {}
    bool accept() override { return same_state(file_->status(), file_->status_now()); }

private:
    std::shared_ptr<const LocalFile> file_;
};

TreeBackup::TreeBackup(const TreeSettings& settings, Pools& pools, BackupSink& sink, bool read_everything,
                       asio::any_io_executor executor)
    : settings_{settings},
      pools_{pools},
      sink_{sink},
      read_everything_{read_everything},
      open_files_{std::move(executor), open_files_max} {}

Task<std::vector<Finding>> TreeBackup::run() {
    auto body = [this](TaskGroup& group) { return take_paths(group); };
    co_await in_group(body);
    if (devices_left_out_ > 0) {
        findings_.push_back({Finding::Level::info, std::to_string(devices_left_out_) + " device nodes were left out",
                             "Set devices = true on this source to archive them."});
    }
    co_return std::move(findings_);
}

Task<> TreeBackup::take_paths(TaskGroup& group) {
    bool took_one = false;
    for (const auto& path : settings_.paths) {
        if (co_await take_path(group, path)) took_one = true;
    }
    co_await take_gathered(group);
    if (!took_one) {
        throw Error{Fault::missing, "none of the paths can be read: " +
                                        (findings_.empty() ? std::string{"there are none"} : findings_.front().what)}
            .hint("Correct `paths`, mount what is missing, or run Varve as a user that may read them.");
    }
}

/// False when it is not there or cannot be opened, which is then among the findings.
Task<bool> TreeBackup::take_path(TaskGroup& group, std::filesystem::path path) {
    std::optional<Error> failure;
    try {
        // The only entry that may be a link: the operator named it, and means what it leads to.
        struct ::stat status{};
        co_await on_pool(pools_.blocking, [&] {
            if (::stat(path.c_str(), &status) != 0) throw system_error(errno, "open", path);
        });
        if (!S_ISDIR(status.st_mode)) {
            co_await take_single_file(group, path);
            co_return true;
        }
        auto open = [this, path] {
            std::pair<FolderPtr, Seen> both;
            both.first = TreeReader::open_root(path, settings_.entry_path(path));
            both.second = reader_.look_at_root(*both.first);
            return both;
        };
        auto [folder, root] = co_await on_pool(pools_.blocking, open);
        if (root.failure) note_unreadable(*root.failure);
        co_await sink_.add(std::move(root.entry));
        co_await walk(group, std::move(folder));
        co_return true;
    } catch (const Error& error) {
        if (!is_about(error, path)) throw;
        failure = error;
    }
    note_unreadable(*failure);
    co_return false;
}

Task<> TreeBackup::take_single_file(TaskGroup& group, std::filesystem::path path) {
    auto open = [this, path] {
        std::pair<FolderPtr, Seen> both;
        const auto folder_path = settings_.entry_path(path).empty() ? std::string{} : path.parent_path().relative_path().string();
        both.first = TreeReader::open_root(path.parent_path(), folder_path);
        both.second = reader_.look(*both.first, path.filename());
        both.second.has_wal = has_wal(*both.first, path.filename());
        return both;
    };
    auto [folder, seen] = co_await on_pool(pools_.blocking, open);
    co_await take(group, std::move(folder), std::move(seen));
}

Task<> TreeBackup::walk(TaskGroup& group, FolderPtr folder) {
    std::vector<std::string> names;
    std::set<std::string> companions;
    co_await on_pool(pools_.blocking, [folder, &names, &companions] {
        names = TreeReader::names(*folder);
        companions = companions_in(*folder, names);
    });
    note_foreign_database(*folder, names);
    for (std::size_t begin = 0; begin < names.size(); begin += names_at_once) {
        const auto end = std::min(names.size(), begin + names_at_once);
        auto look = [this, folder, begin, end, &names] {
            std::vector<Seen> all;
            for (auto at = begin; at < end; ++at) {
                all.push_back(reader_.look(*folder, names[at]));
                all.back().has_wal = std::ranges::binary_search(names, names[at] + "-wal") && has_wal(*folder, names[at]);
            }
            return all;
        };
        for (auto& seen : co_await on_pool(pools_.blocking, look))
            if (!companions.contains(seen.name)) co_await take(group, folder, std::move(seen));
    }
}

Task<> TreeBackup::take(TaskGroup& group, FolderPtr folder, Seen seen) {
    if (seen.is_socket || seen.gone) co_return;
    const bool is_folder = seen.entry.kind == EntryKind::directory;
    if (settings_.exclude.match(join(folder->below, seen.name), is_folder)) co_return;
    if (seen.failure) note_unreadable(*seen.failure);
    if (seen.entry.path.empty()) co_return;  // not even its kind is known
    switch (seen.entry.kind) {
        case EntryKind::directory:
            co_await enter(group, std::move(folder), std::move(seen));
            break;
        case EntryKind::file:
            if (seen.links > 1) {
                co_await take_linked_file(std::move(folder), std::move(seen));
            } else {
                Place place{.folder = std::move(folder), .name = std::move(seen.name), .has_wal = seen.has_wal};
                co_await take_plain_file(group, std::move(place), std::move(seen.entry));
            }
            break;
        case EntryKind::character_device:
        case EntryKind::block_device:
            if (settings_.devices) {
                co_await sink_.add(std::move(seen.entry));
            } else {
                ++devices_left_out_;
            }
            break;
        default:
            co_await sink_.add(std::move(seen.entry));
    }
}

Task<> TreeBackup::enter(TaskGroup& group, FolderPtr folder, Seen seen) {
    const bool other_filesystem = seen.entry.device != folder->device;
    const bool too_deep = folder->depth >= settings_.depth_max;
    co_await sink_.add(seen.entry);
    if (too_deep || (settings_.one_filesystem && other_filesystem)) co_return;
    const auto path = folder->path / seen.name;
    std::optional<Error> failure;
    try {
        auto open = [folder, name = seen.name]() -> FolderPtr { return TreeReader::open_folder(*folder, name); };
        auto below = co_await on_pool(pools_.blocking, open);
        co_await walk(group, std::move(below));
        co_return;
    } catch (const Error& error) {
        if (!is_about(error, path)) throw;
        failure = error;
    }
    if (failure->fault() != Fault::missing) note_unreadable(*failure);
}

/// The first name of a file carries its content, and is whole before a second one refers to it.
Task<> TreeBackup::take_linked_file(FolderPtr folder, Seen seen) {
    const std::pair<dev_t, ino_t> file{seen.entry.device, seen.entry.inode};
    const auto first = linked_.find(file);
    if (first != linked_.end()) {
        seen.entry.kind = EntryKind::hardlink;
        seen.entry.link_target = first->second;
        seen.entry.size = 0;
        co_await sink_.add(std::move(seen.entry));
        co_return;
    }
    auto path = seen.entry.path;
    const auto share = co_await open_files_.take(1);
    Place place{.folder = std::move(folder), .name = std::move(seen.name), .has_wal = seen.has_wal};
    if (co_await take_file(std::move(place), std::move(seen.entry))) linked_.emplace(file, std::move(path));
}

Task<> TreeBackup::take_plain_file(TaskGroup& group, Place place, Entry entry) {
    if (entry.size > SmallFile::bytes_max || place.has_wal) {
        auto share = co_await open_files_.take(1);
        group.spawn(take_file_with(std::move(share), std::move(place), std::move(entry)));
        co_return;
    }
    if (gathered_.places.empty() || gathered_.places.back().folder != place.folder) ++gathered_.folders;
    gathered_.places.push_back(std::move(place));
    gathered_.entries.push_back(std::move(entry));
    if (gathered_.places.size() == BackupSink::small_files_max || gathered_.folders == batch_folders_max)
        co_await take_gathered(group);
}

Task<> TreeBackup::take_gathered(TaskGroup& group) {
    if (gathered_.places.empty()) co_return;
    auto share = co_await open_files_.take(batch_share);
    group.spawn(take_batch(std::move(share), std::exchange(gathered_, {})));
}

Task<> TreeBackup::take_batch(Budget::Share share, Batch whole) {
    const auto held = std::move(share);
    const auto batch = co_await leave_out_carried(std::move(whole));
    std::vector<SmallFile> files;
    for (std::size_t i = 0; i < batch.places.size(); ++i) {
        auto open = [place = batch.places[i]](Entry& entry) -> std::shared_ptr<const LocalFile> {
            auto file =
                std::make_shared<const LocalFile>(LocalFile::open_at(place.folder->descriptor.get(), place.name, place.path()));
            if (sqlite::is_database(*file)) return nullptr;
            refresh(entry, file->status());
            return file;
        };
        auto accept = [](const LocalFile& file) { return same_state(file.status(), file.status_now()); };
        files.push_back({.entry = batch.entries[i], .open = std::move(open), .accept = std::move(accept)});
    }
    if (files.empty()) co_return;
    const auto read = co_await sink_.take_small_files(std::move(files));
    for (std::size_t i = 0; i < read.size(); ++i) {
        if (read[i].failure)
            note_failure(*read[i].failure, batch.places[i].path());
        else if (!read[i].kept)
            (void)co_await take_file(batch.places[i], batch.entries[i], 1);
    }
}

Task<TreeBackup::Batch> TreeBackup::leave_out_carried(Batch batch) {
    if (read_everything_) co_return batch;
    const auto carried = co_await sink_.carry_over_all(batch.entries);
    Batch left;
    for (std::size_t i = 0; i < carried.size(); ++i) {
        if (carried[i]) continue;
        left.places.push_back(std::move(batch.places[i]));
        left.entries.push_back(std::move(batch.entries[i]));
    }
    co_return left;
}

Task<> TreeBackup::take_file_with(Budget::Share share, Place place, Entry entry) {
    const auto held = std::move(share);
    (void)co_await take_file(std::move(place), std::move(entry));
}

Task<bool> TreeBackup::take_file(Place place, Entry entry, int reads) {
    const auto path = place.path();
    std::optional<Error> failure;
    try {
        if (!read_everything_ && !place.has_wal && co_await sink_.carry_over(entry)) co_return true;
        for (int read_number = reads + 1;; ++read_number) {
            auto open = [&place, path] {
                Opened opened{
                    std::make_shared<const LocalFile>(LocalFile::open_at(place.folder->descriptor.get(), place.name, path)),
                    false};
                opened.is_sqlite = sqlite::is_database(*opened.file);
                return opened;
            };
            const auto opened = co_await on_pool(pools_.blocking, open);
            refresh(entry, opened.file->status());
            if (opened.is_sqlite && co_await take_database(entry, path)) co_return true;
            const bool last = read_number == reads_max;
            auto check = last ? nullptr : std::make_shared<StillCheck>(opened.file);
            const auto read = co_await sink_.take_file(entry, opened.file, ChunkProfile::file, std::move(check));
            if (!read.kept) continue;
            if (last && co_await was_changed(opened.file)) {
                findings_.push_back({Finding::Level::warning,
                                     path.string() + " changed each time it was read; it is stored as it was read last",
                                     "Exclude it, or back it up by a means of its own while nobody writes to it."});
            }
            co_return true;
        }
    } catch (const Error& error) {
        failure = error;
    }
    note_failure(*failure, path);
    co_return false;
}

void TreeBackup::note_failure(const Error& error, const std::filesystem::path& path) {
    if (!is_about(error, path)) throw error;
    // Removed since its folder was listed: it is as if the backup had come a moment later.
    if (error.fault() != Fault::missing) note_unreadable(error);
}

/// As of one commit, through SQLite. False when SQLite may not or cannot: then its bytes are copied, and that is said.
Task<bool> TreeBackup::take_database(Entry entry, std::filesystem::path path) {
    std::shared_ptr<const sqlite::Capture> capture;
    std::optional<Error> failure;
    try {
        capture = co_await on_pool(pools_.blocking, [path] { return std::make_shared<const sqlite::Capture>(path); });
    } catch (const Error& error) {
        if (error.fault() == Fault::missing || error.fault() == Fault::cancelled) throw;
        failure = error;
    }
    if (failure) {
        findings_.push_back(
            {Finding::Level::error,
             "the database " + path.string() + " was copied as bytes, which may not fit together: " + failure->sentence(),
             failure->remedy().empty() ? "Take the backup again, or give the database a source with the driver sqlite."
                                       : failure->remedy()});
        co_return false;
    }
    entry.size = capture->bytes();
    const auto writer = co_await sink_.open(entry, ChunkProfile::page);
    for (std::uint64_t offset = 0; offset < entry.size; offset += capture_bytes) {
        auto block = co_await on_pool(pools_.cpu, [capture, offset] { return capture->read(offset, capture_bytes); });
        co_await writer->write(std::move(block));
    }
    co_await writer->finish();
    // Its last owner closes it, which may wait for the disk.
    co_await on_pool(pools_.blocking, [held = std::exchange(capture, nullptr)]() mutable { held.reset(); });
    co_return true;
}

Task<bool> TreeBackup::was_changed(std::shared_ptr<const LocalFile> file) {
    co_return co_await on_pool(pools_.blocking, [file] { return !same_state(file->status(), file->status_now()); });
}

void TreeBackup::note_unreadable(const Error& error) {
    // Without memory or descriptors nothing can be read: that says nothing of the entry.
    if (error.fault() == Fault::overloaded || error.fault() == Fault::defect) throw error;
    findings_.push_back(
        {Finding::Level::error, error.sentence(), "Run Varve as a user that may read it, repair the filesystem, or exclude it."});
}

void TreeBackup::note_foreign_database(const Folder& folder, const std::vector<std::string>& names) {
    const auto has = [&](const char* name) { return std::ranges::binary_search(names, name); };
    const char* engine = nullptr;
    if (has("PG_VERSION") && has("pg_wal")) engine = "PostgreSQL";
    if (has("ibdata1") && (has("mysql.ibd") || has("mysql"))) engine = "MySQL or MariaDB";
    if (engine == nullptr) return;
    findings_.push_back(
        {Finding::Level::warning,
         folder.path.string() + " is a data directory of " + engine + "; a copy of its files cannot be started reliably",
         "Give it a source of its own with the driver of that engine, and exclude it here."});
}

}  // namespace varve::files

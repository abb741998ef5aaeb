#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "postgresql/backup_wal.hpp"
#include "postgresql/base_backup.hpp"
#include "postgresql/config_capture.hpp"
#include "postgresql/config_text.hpp"
#include "postgresql/control_file.hpp"
#include "postgresql/page_check.hpp"
#include "postgresql/walk.hpp"
#include "varve/async.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

constexpr unsigned files_at_once = 16;
/// The fact that names files to be read again next time, one a line: pages of them were not what they should be.
constexpr const char* suspect_fact = "suspect_files";
constexpr const char* suspects_all = "*";
constexpr std::size_t suspects_named_max = 1000;

struct SuspectFile {
    std::string path;
    std::vector<PageCheck::Suspect> suspects;
};

/// Bad for certain, now that the end of the backup is known: a page changed since the start has its image in the log.
std::vector<std::uint32_t> bad_blocks(const SuspectFile& file, Lsn start, Lsn stop) {
    std::vector<std::uint32_t> bad;
    for (const auto& suspect : file.suspects)
        if (suspect.lsn < start || suspect.lsn > stop) bad.push_back(suspect.block);
    return bad;
}

Finding bad_pages_finding(const std::string& path, const std::vector<std::uint32_t>& blocks) {
    constexpr std::size_t listed_max = 20;
    std::string text = std::to_string(blocks.size()) + " page(s) of " + path + " do not match their checksum: block";
    for (std::size_t i = 0; i < std::min(blocks.size(), listed_max); ++i) text += " " + std::to_string(blocks[i]);
    if (blocks.size() > listed_max) text += " …";
    return {Finding::Level::error, std::move(text),
            "Find what is damaged with: SELECT oid::regclass FROM pg_class WHERE relfilenode = the number in the file's name; "
            "restore "
            "the table from an earlier backup."};
}

std::shared_ptr<const LocalFile> open_or_vanished(const fs::path& path) {
    try {
        return std::make_shared<const LocalFile>(LocalFile::open(path));
    } catch (const Error& error) {
        if (error.fault() != Fault::missing) throw;
        return nullptr;  // a relation was dropped or truncated: the log knows
    }
}

/// `seen` as the walk saw it, with the times and the identity that the open file has now, and no more bytes than both.
Entry entry_of_open_file(Entry seen, const LocalFile& file) {
    const auto& status = file.status();
    seen.size = std::min(seen.size, file.size());
    seen.mtime_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
    seen.ctime_ns = status.st_ctim.tv_sec * 1'000'000'000LL + status.st_ctim.tv_nsec;
    seen.device = status.st_dev;
    seen.inode = status.st_ino;
    return seen;
}

class FilesBackup {
public:
    FilesBackup(BackupContext context, BackupSink& sink) : context_{std::move(context)}, sink_{sink} {}

    Task<BackupFacts> run() {
        session_ = co_await Session::open(context_.connection, SessionKind::sql, context_.pools);
        cluster_ = co_await ask_cluster(*session_);
        require_cluster(cluster_, context_.system_identifier);
        if (auto obstacle = co_await find_obstacle_to_files(*session_, cluster_, context_.pools)) throw *obstacle;
        // The slot comes before the start: not a byte of the log between them may be recycled.
        wal_ = co_await BackupWal::open(context_.connection, context_.request.label, sink_, context_.pools);
        start_ = co_await start_backup(*session_, context_.request.label);
        auto side_by_side = [this](TaskGroup& group) -> Task<> {
            group.spawn(wal_->run(start_));
            group.spawn(copy_and_stop());
            co_return;
        };
        co_await in_group(side_by_side);
        co_return facts();
    }

private:
    Task<> copy_and_stop() {
        auto watched = [this](TaskGroup& group) -> Task<> {
            group.spawn(watch_backup(*session_, *wal_, all_copied_));
            group.spawn(copy());
            co_return;
        };
        co_await in_group(watched);
        stop_ = co_await stop_backup(*session_);
        stop_time_ = co_await ask_time(*session_);
        co_await add_text("label/backup_label", stop_.label_file);
        if (!stop_.tablespace_map.empty()) co_await add_text("label/tablespace_map", stop_.tablespace_map);
        log_end_ = end_of_own_log(stop_.lsn, cluster_, wal_->server().segment_bytes);
        co_await wal_->finish(log_end_);
    }

    Task<> copy() {
        const auto control =
            co_await on_pool(context_.pools.blocking, [data = cluster_.data_directory] { return read_control_file(data); });
        if (!cluster_.in_recovery && control.redo < start_)
            throw Error{Fault::conflict, "the data directory " + cluster_.data_directory + " did not see the backup's checkpoint"}
                .hint("Another server than the one that is connected to runs on it; use method = \"stream\".");
        may_carry_over_ = may_carry_over();
        if (may_carry_over_) read_again_ = previous_suspects();
        checks_pages_ = cluster_.checksums && control.block_bytes == page_bytes;
        walk_ =
            co_await on_pool(context_.pools.blocking,
                             [data = cluster_.data_directory, version = cluster_.version_num, catalog = cluster_.catalog_version,
                              blocks = control.relation_segment_blocks] { return walk_cluster(data, version, catalog, blocks); });
        auto one = [this](const WalkItem& item) {
            return item.entry.kind == EntryKind::file ? take(item) : sink_.add(item.entry);
        };
        co_await for_each_limited(files_at_once, walk_.items, one);
        co_await take_configuration();
        co_await take_control_file();
        all_copied_ = true;
        session_->wake();
    }

    Task<> take(const WalkItem& item) {
        auto file = co_await on_pool(context_.pools.blocking, [path = item.path] { return open_or_vanished(path); });
        if (!file) co_return;
        const auto entry = entry_of_open_file(item.entry, *file);
        const bool suspect = read_again_.contains(entry.path);
        if (may_carry_over_ && !suspect && co_await sink_.carry_over(entry)) co_return;
        const auto check = checks_pages_ && item.first_block ? std::make_shared<PageCheck>(*item.first_block) : nullptr;
        const auto profile = item.first_block ? ChunkProfile::page : ChunkProfile::file;
        (void)co_await sink_.take_file(entry, file, profile, check);
        if (!check || !check->suspicious()) co_return;
        auto suspects = co_await on_pool(context_.pools.blocking, [check, file] { return check->confirm(*file); });
        if (!suspects.empty()) suspects_.push_back({entry.path, std::move(suspects)});
    }

    Task<> take_configuration() {
        auto captured =
            co_await on_pool(context_.pools.blocking, [cluster = cluster_] { return capture_configuration(cluster); });
        for (auto& file : captured.files) co_await sink_.add(std::move(file.entry), std::move(file.content));
        findings_ = std::move(captured.findings);
    }

    /// Last of all files: its checkpoint must not be older than anything copied before it (a standby recovers up to it at least).
    Task<> take_control_file() {
        struct Taken {
            Bytes raw;
            struct ::stat status{};
        };
        auto taken = co_await on_pool(context_.pools.blocking, [data = fs::path{cluster_.data_directory}] {
            Taken result;
            const auto path = data / "global" / "pg_control";
            read_control_file(data, &result.raw);
            if (::stat(path.c_str(), &result.status) != 0) throw system_error(errno, "stat", path);
            return result;
        });
        Entry entry;
        entry.path = "pgdata/global/pg_control";
        entry.size = taken.raw.size();
        entry.mode = taken.status.st_mode & 07777;
        entry.uid = taken.status.st_uid;
        entry.gid = taken.status.st_gid;
        entry.mtime_ns = taken.status.st_mtim.tv_sec * 1'000'000'000LL + taken.status.st_mtim.tv_nsec;
        co_await sink_.add(std::move(entry), std::move(taken.raw));
    }

    Task<> add_text(std::string path, const std::string& text) {
        Entry entry;
        entry.path = std::move(path);
        entry.size = text.size();
        entry.mode = 0600;
        co_await sink_.add(std::move(entry), to_bytes(view_of(text)));
    }

    /// Whether equal times and inode may be trusted since the previous backup: the same server process on the same machine, which
    /// wrote through to the files that we look at.
    bool may_carry_over() const {
        const auto* previous = sink_.previous();
        if (previous == nullptr || context_.request.read_everything) return false;
        const auto now = own_facts();
        for (const std::string key :
             {"method", "system_identifier", "timeline", "data_directory", "postmaster_start_time", "boot_id", "setting.fsync"}) {
            const auto before = previous->facts().find(key);
            if (before == previous->facts().end() || before->second.empty() || before->second != now.at(key)) return false;
        }
        const auto suspects = previous->facts().find(suspect_fact);
        if (suspects != previous->facts().end() && suspects->second == suspects_all) return false;
        return now.at("setting.fsync") == "on";
    }

    std::set<std::string> previous_suspects() const {
        const auto& facts = sink_.previous()->facts();
        const auto found = facts.find(suspect_fact);
        if (found == facts.end()) return {};
        std::set<std::string> paths;
        for (const auto line : lines_of(found->second)) paths.emplace(line);
        return paths;
    }

    /// A bad page stays bad when nobody writes to its file: unread, it would pass for whole.
    std::string suspect_paths() const {
        if (suspects_.size() > suspects_named_max) return suspects_all;
        std::string paths;
        for (const auto& file : suspects_) paths += (paths.empty() ? "" : "\n") + file.path;
        return paths;
    }

    Properties own_facts() const {
        auto facts = facts_of(cluster_);
        facts["method"] = "files";
        facts["boot_id"] = boot_id();
        facts["timeline"] = std::to_string(wal_->server().history.timeline);
        facts["wal_segment_size"] = std::to_string(wal_->server().segment_bytes);
        return facts;
    }

    BackupFacts facts() {
        BackupFacts facts;
        facts.start = position_in(wal_->server().lineage, start_);
        facts.stop = position_in(wal_->server().lineage, stop_.lsn);
        facts.log_end = log_end_;
        facts.lineage = wal_->server().lineage;
        facts.stop_time = stop_time_;
        facts.facts = own_facts();
        for (const auto& tablespace : walk_.tablespaces)
            facts.facts["tablespace." + tablespace.oid + ".location"] = tablespace.location;
        facts.findings = std::move(findings_);
        std::ranges::sort(suspects_, {}, &SuspectFile::path);
        if (!suspects_.empty()) facts.facts[suspect_fact] = suspect_paths();
        for (const auto& file : suspects_)
            if (const auto bad = bad_blocks(file, start_, stop_.lsn); !bad.empty())
                facts.findings.push_back(bad_pages_finding(file.path, bad));
        return facts;
    }

    BackupContext context_;
    BackupSink& sink_;
    std::unique_ptr<Session> session_;
    Cluster cluster_;
    std::unique_ptr<BackupWal> wal_;
    Lsn start_ = 0;
    BackupStop stop_;
    Instant stop_time_;
    Lsn log_end_ = 0;
    bool all_copied_ = false;
    bool may_carry_over_ = false;
    bool checks_pages_ = false;
    Walk walk_;
    std::set<std::string> read_again_;
    std::vector<SuspectFile> suspects_;
    std::vector<Finding> findings_;
};

}  // namespace

Task<BackupFacts> back_up_files(BackupContext context, BackupSink& sink) {
    FilesBackup backup{std::move(context), sink};
    co_return co_await backup.run();
}

}  // namespace varve::postgresql

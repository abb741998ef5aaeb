#include "sqlite/restore.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>

#include "sqlite/base_backup.hpp"
#include "sqlite/database.hpp"
#include "sqlite/page_replay.hpp"
#include "sqlite/target.hpp"
#include "varve/error.hpp"

namespace varve::sqlite {

namespace fs = std::filesystem;

namespace {

bool is_there(const fs::path& path) {
    struct ::stat status{};
    return ::lstat(path.c_str(), &status) == 0;
}

fs::path place_of(const RestoreRequest& request, const BaseFacts& facts) {
    if (!fs::is_directory(request.to)) return request.to;
    return request.to / facts.path.filename();
}

void require_free(const fs::path& place) {
    if (is_there(place))
        throw Error{Fault::conflict, place.string() + " is there already"}.hint(
            "Restore beside it under another name, look at what came out, and move it yourself when the application is stopped.");
    for (const auto& companion : {wal_of(place), shm_of(place), journal_of(place)})
        if (is_there(companion))
            throw Error{Fault::conflict, companion.string() + " is there: SQLite would take it for part of the restored database"}
                .hint("Move it away, or restore to another place.");
    if (!fs::is_directory(place.parent_path().empty() ? fs::path{"."} : place.parent_path()))
        throw Error{Fault::missing, place.parent_path().string() + " is no directory"}.hint("Make it first.");
}

void require_room(const fs::path& place, std::uint64_t bytes) {
    if (free_bytes(place) < bytes)
        throw Error{Fault::refused, "there is no room for " + std::to_string(bytes) + " bytes at " + place.string()}.hint(
            "Free space there, or restore to another filesystem. Nothing was written.");
}

/// Who gets the file, and with which mode.
struct Ownership {
    std::optional<std::pair<uid_t, gid_t>> owner;
    mode_t mode = 0600;
};

Ownership ownership_of(const RestoreRequest& request, const Entry& entry) {
    Ownership result{.owner = {}, .mode = static_cast<mode_t>(entry.mode)};
    if (request.owner) {
        const auto* found = ::getpwnam(request.owner->c_str());
        if (found == nullptr) throw Error{Fault::missing, "there is no user " + *request.owner + " on this host"};
        result.owner = {found->pw_uid, found->pw_gid};
    } else if (::geteuid() == 0) {
        result.owner = {entry.uid, entry.gid};
    }
    return result;
}

class FindEntry final : public EntryVisitor {
public:
    Task<> visit(const Entry& entry) override {
        if (entry.path == database_entry) found = entry;
        co_return;
    }
    std::optional<Entry> found;
};

Task<Entry> database_in(RestoreSource& base) {
    FindEntry finder;
    co_await base.each(finder);
    if (!finder.found) throw Error{Fault::corrupt, "the backup holds no database"};
    co_return *finder.found;
}

/// The database under its working name. Removed unless it was put in its place.
class WorkingFile final : public PageFile {
public:
    explicit WorkingFile(const fs::path& place)
        : place_{place},
          path_{place.parent_path() / ("." + place.filename().string() + ".varve-restoring-" + std::to_string(::getpid()))} {
        ::unlink(path_.c_str());
    }
    WorkingFile(const WorkingFile&) = delete;
    WorkingFile& operator=(const WorkingFile&) = delete;
    ~WorkingFile() override {
        if (!placed_) ::unlink(path_.c_str());
    }

    const fs::path& path() const noexcept { return path_; }

    void open() {
        file_ = Descriptor{::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
        if (!file_) throw system_error(errno, "open", path_);
    }
    void write(std::uint64_t offset, ByteView bytes) override { write_all_at(file_.get(), offset, bytes, path_); }
    void resize(std::uint64_t bytes) override {
        if (::ftruncate(file_.get(), static_cast<off_t>(bytes)) != 0) throw system_error(errno, "ftruncate", path_);
    }

    std::uint64_t checksum(std::uint32_t page_size, std::uint32_t pages) const {
        const auto file = LocalFile::open(path_);
        const Snapshot all{file, none_, {.page_size = page_size, .pages = pages, .salts = {}, .frame = 0, .in_file = true}};
        return all.hashes().checksum();
    }

    void sync() const {
        if (::fdatasync(file_.get()) != 0) throw system_error(errno, "fdatasync", path_);
    }

    void put_in_place(const Ownership& ownership) {
        if (ownership.owner && ::fchown(file_.get(), ownership.owner->first, ownership.owner->second) != 0)
            throw system_error(errno, "chown", path_);
        if (::fchmod(file_.get(), ownership.mode) != 0) throw system_error(errno, "chmod", path_);
        if (::fsync(file_.get()) != 0) throw system_error(errno, "fsync", path_);
        file_ = {};  // closed before anybody can lock the file under its own name
        require_free(place_);
        if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, place_.c_str(), RENAME_NOREPLACE) != 0)
            throw system_error(errno, "rename to", place_);
        placed_ = true;
        fsync_directory(place_.parent_path().empty() ? fs::path{"."} : place_.parent_path());
    }

private:
    fs::path place_, path_;
    Descriptor file_;
    std::optional<LocalFile> none_;
    bool placed_ = false;
};

struct Reached {
    std::uint64_t number = 0, checksum = 0;
    std::uint32_t pages = 0;
    std::uint64_t bytes_written = 0;
};

/// Log that was read and waits for its replay: both go on side by side. io thread.
class BlockQueue {
public:
    BlockQueue(asio::any_io_executor executor, std::uint64_t bytes_max) : changed_{std::move(executor)}, bytes_max_{bytes_max} {}

    Task<> push(Bytes block) {
        while (bytes_ >= bytes_max_) co_await changed_.wait();
        bytes_ += block.size();
        blocks_.push_back(std::move(block));
        changed_.notify();
    }
    void end() {
        ended_ = true;
        changed_.notify();
    }
    /// Empty: there was no more.
    Task<Bytes> pop() {
        while (blocks_.empty() && !ended_) co_await changed_.wait();
        if (blocks_.empty()) co_return Bytes{};
        auto block = std::move(blocks_.front());
        blocks_.pop_front();
        bytes_ -= block.size();
        changed_.notify();
        co_return block;
    }

private:
    Signal changed_;
    std::uint64_t bytes_max_, bytes_ = 0;
    std::deque<Bytes> blocks_;
    bool ended_ = false;
};

constexpr std::uint64_t read_ahead_max = 16U << 20;

/// The records of [from, to).
Task<> apply_log(LogSource& log, const LogPosition& from, const LogPosition& to, std::uint32_t page_size, WorkingFile& file,
                 Reached& reached, Pools& pools) {
    PageReplay replay{file, page_size, reached.pages};
    const auto source = log.read(from.lineage, from.at, to.at);
    BlockQueue queue{co_await asio::this_coro::executor, read_ahead_max};
    const auto read_all = [&]() -> Task<> {
        for (auto block = co_await source->read(); !block.empty(); block = co_await source->read())
            co_await queue.push(std::move(block));
        queue.end();
    };
    auto at = from.at;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(read_all());
        for (auto block = co_await queue.pop(); !block.empty(); block = co_await queue.pop()) {
            at += block.size();
            co_await on_pool(pools.cpu, [&replay, &block] { replay.feed(block); });
        }
    });
    if (at != to.at) throw Error{Fault::corrupt, "the log ends before the target"};
    co_await on_pool(pools.blocking, [&replay] { replay.finish(); });
    reached.bytes_written += replay.bytes_written();
    if (!replay.last()) co_return;
    reached.number = replay.last()->number;
    reached.checksum = replay.last()->checksum;
    reached.pages = replay.last()->database_pages;
}

/// As the path of a URI.
std::string escaped(std::string_view path) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                           std::string_view{"/._-"}.find(c) != std::string_view::npos;
        if (plain)
            text += c;
        else
            text += {'%', digits[byte >> 4], digits[byte & 15]};
    }
    return text;
}

/// What SQLite's check says of it, "ok" or the first problem. Without touching it: no WAL is made, no lock taken.
std::string verdict_on(const fs::path& path) {
    sqlite3* raw = nullptr;
    const auto uri = "file:" + escaped(std::filesystem::absolute(path).string()) + "?immutable=1";
    const int opened = sqlite3_open_v2(uri.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
    const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database{raw, &sqlite3_close_v2};
    std::string verdict;
    const auto collect = [](void* into, int, char** values, char**) {
        auto& text = *static_cast<std::string*>(into);
        if (text.empty() && values[0] != nullptr) text = values[0];
        return 0;
    };
    // The check looks every row up in every index, here and there: with the usual 2 MiB of cache most of it is reading again, and
    // reading costs more than checking. What is mapped (160 MiB) is no more than what the replay held before.
    static constexpr auto memory = "PRAGMA cache_size = -32768; PRAGMA mmap_size = 167772160";
    const bool asked = opened == SQLITE_OK && sqlite3_exec(raw, memory, nullptr, nullptr, nullptr) == SQLITE_OK &&
                       sqlite3_exec(raw, "PRAGMA integrity_check(1)", collect, &verdict, nullptr) == SQLITE_OK;
    return asked ? verdict : sqlite3_errmsg(raw);
}

/// Both proofs at once, while the disk takes what was written.
Task<> prove(const WorkingFile& file, std::uint32_t page_size, const Reached& reached, Pools& pools) {
    auto same_pages = [&file, &reached, page_size] {
        if (file.checksum(page_size, reached.pages) != reached.checksum)
            throw Error{Fault::corrupt, "the restored pages are not those of transaction " + std::to_string(reached.number)}.hint(
                "Nothing was put in place. Restore from another backup: --backup ID, and run varve verify.");
    };
    std::string verdict;
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(on_pool(pools.blocking, [&file] { file.sync(); }));
        group.spawn(on_pool(pools.cpu, same_pages));
        verdict = co_await on_pool(pools.blocking, [&file] { return verdict_on(file.path()); });
    });
    if (verdict != "ok")
        throw Error{Fault::corrupt, "SQLite says of the restored database: " + verdict}.hint(
            "The pages are those that the source had: it was damaged there already. An earlier state may be whole: --at, --txn.");
}

}  // namespace

Task<RestoreOutlook> preview_database(RestoreRequest request, RestoreSource& base, Pools& pools) {
    if (request.mode == WriteMode::delta)
        throw Error{Fault::unsupported, "a SQLite database is restored to a new place, not with --delta"};
    const auto facts = read_base_facts(base.facts().facts);
    const auto entry = co_await database_in(base);
    auto look = [request, facts, entry] {
        const auto place = place_of(request, facts);
        require_free(place);
        require_room(place, entry.size);
        ownership_of(request, entry);
    };
    co_await on_pool(pools.blocking, std::move(look));
    co_return RestoreOutlook{};
}

Task<Restored> restore_database(RestoreRequest request, RestoreSource& base, LogSource* log, Pools& pools) {
    co_await preview_database(request, base, pools);
    const auto facts = read_base_facts(base.facts().facts);
    const auto entry = co_await database_in(base);
    const auto place = place_of(request, facts);
    WorkingFile file{place};

    Reached reached{.number = facts.number, .checksum = facts.checksum, .pages = facts.pages};
    std::vector<FileTarget> targets;
    targets.push_back({.entry = entry, .path = file.path()});
    const auto written = co_await base.write(std::move(targets), WriteMode::create);
    written.require_whole("Take the database from another backup, or heal the repository from another copy.");
    reached.bytes_written = written.bytes;
    co_await on_pool(pools.blocking, [&file] { file.open(); });

    const auto& from = base.facts().stop;
    const auto& to = request.target.position;
    if (log != nullptr && from && to && to->at > from->at)
        co_await apply_log(*log, *from, *to, facts.page_size, file, reached, pools);

    co_await prove(file, facts.page_size, reached, pools);
    co_await on_pool(pools.blocking, [&file, &request, &entry] { file.put_in_place(ownership_of(request, entry)); });

    Restored restored;
    restored.reached = to ? to : from;
    restored.bytes_written = reached.bytes_written;
    restored.next_step = "The database is in " + place.string() + ", as of transaction " + std::to_string(reached.number) +
                         "; its checksum is the source's, and SQLite's integrity check passed.";
    co_return restored;
}

}  // namespace varve::sqlite

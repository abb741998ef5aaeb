/// The contract of a driver: how one kind of source is backed up, followed and given back.
/// A driver sees these sinks and sources; it learns nothing of chunks, keys or buckets.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "varve/bytes.hpp"
#include "varve/clock.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"
#include "varve/names.hpp"
#include "varve/settings.hpp"
#include "varve/stream.hpp"
#include "varve/task.hpp"

namespace varve {

struct Pools;

/// Small facts under names, kept in manifests: "system_identifier" -> "7301…".
using Properties = std::map<std::string, std::string>;

// ---------------------------------------------------------------------------------------------- positions and history

/// A place in a source's log. Ordered within one lineage only.
struct LogPosition {
    LineageName lineage;
    std::uint64_t at = 0;  ///< PostgreSQL: LSN; MySQL and SQLite: bytes since the lineage began
    std::string text;      ///< as the engine prints it: `0/3000060`
    friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

/// One unbroken history. A timeline, a server's binlog since its last reset, a SQLite generation.
struct Lineage {
    LineageName name;
    std::uint64_t begins_at = 0;        ///< the first position that can exist in it
    std::optional<LogPosition> parent;  ///< where it left another lineage (a timeline switch)
    Properties facts;                   ///< the driver's own: "timeline", "history", "segment_bytes"
};

/// The end of one transaction in the log.
struct Moment {
    std::uint64_t at = 0;  ///< the position just after its commit or abort record
    Instant time;
    friend bool operator==(const Moment&, const Moment&) = default;
};

/// A contiguous run of log, [first, last). It never crosses a WAL segment or binlog file.
struct LogRun {
    LogPosition first;
    LogPosition last;
    Bytes bytes;
    std::vector<Moment> moments;   ///< in the order of `at`
    std::uint64_t last_whole = 0;  ///< start of the last whole record that ends at or before `last`; 0: none in this run
};

/// Positions that the archive does not have and never will.
struct Gap {
    LogPosition from;
    LogPosition to;
    std::string reason;
};

/// Something a person should know, with what to do about it.
struct Finding {
    enum class Level { info, warning, error };
    Level level = Level::warning;
    std::string what;
    std::string remedy;
};

// ------------------------------------------------------------------------------------------------------------- backup

enum class EntryKind : std::uint8_t { file = 1, directory, symlink, hardlink, fifo, character_device, block_device };

/// One thing in a backup's list. `path` is relative, `/`-separated, of any bytes but NUL, and unique in the backup.
struct Entry {
    std::string path;
    EntryKind kind = EntryKind::file;
    std::uint64_t size = 0;  ///< bytes of content
    std::uint32_t mode = 0;  ///< permission bits
    std::uint32_t uid = 0, gid = 0;
    std::string user, group;    ///< names, where known
    std::int64_t mtime_ns = 0;  ///< since 1970
    std::int64_t ctime_ns = 0;  ///< with device and inode: tells an unchanged file; 0 where there is none
    std::uint64_t device = 0, inode = 0;
    std::string link_target;    ///< symlink, hardlink
    Properties attributes;      ///< xattrs, and the driver's own marks
    std::uint64_t ordinal = 0;  ///< set by a RestoreSource: which entry of the list this is
};

/// How content is cut into chunks. See docs/repository-format.md.
enum class ChunkProfile : std::uint8_t {
    page = 1,  ///< fixed size, aligned to file offsets: database pages
    file,      ///< content-defined, 256 KiB / 1 MiB / 4 MiB
    stream,    ///< content-defined, 64 KiB / 256 KiB / 1 MiB: dumps, tar, lists
};

/// Looks at file content on its way, on the cpu pool, from several threads at once.
class BlockCheck {
public:
    virtual ~BlockCheck() = default;
    /// `bytes` begin at `offset` of the file; regions come in any order, each aligned to 4 MiB.
    virtual void look(std::uint64_t offset, ByteView bytes) = 0;
    /// Asked once, when all content was looked at. False: the entry stays out of the backup, and the caller may take it again
    /// (the file changed while it was read).
    virtual bool accept() { return true; }
};

struct FileRead {
    std::uint64_t bytes = 0;  ///< read: at most the entry's size; fewer when the file shrank
    bool reused_all = false;  ///< no new chunk was stored
    bool kept = true;         ///< false: the check did not accept it
};

/// A small file that is opened where it is read: handing it from thread to thread would cost more. Both functions may block and
/// run on the cpu pool, one after the other; what they throw about the file is in SmallFileRead::failure.
struct SmallFile {
    static constexpr std::uint64_t bytes_max = 128u << 10;

    Entry entry;  ///< as it was seen
    /// Opens it and corrects the entry. Nothing: it is to be left to the caller.
    std::function<std::shared_ptr<const LocalFile>(Entry&)> open;
    /// Asked when it was read: see BlockCheck::accept.
    std::function<bool(const LocalFile&)> accept;
};

struct SmallFileRead {
    bool kept = false;             ///< it is in the backup; else it was left to the caller, not accepted, or grew, or:
    std::optional<Error> failure;  ///< it could not be opened or read
};

/// Content that is pushed: tar members, dumps, WAL. One writer is used by one task at a time.
class EntryWriter : public ByteSink {};

/// What the last backup of this source recorded, for carrying over.
class PreviousBackup {
public:
    virtual ~PreviousBackup() = default;
    virtual Instant started_at() const = 0;
    virtual const Properties& facts() const = 0;
};

/// Where a backup goes. Any number of calls may be under way at once; the sink bounds memory, callers bound open files.
class BackupSink {
public:
    virtual ~BackupSink() = default;
    /// The previous backup, when carrying over is allowed in this one; else nullptr.
    virtual const PreviousBackup* previous() const = 0;
    /// True: content taken from the previous backup unread, because device, inode, size, mtime and ctime are equal and both
    /// times lie at least two seconds before that backup began. False: read it. The driver says whether its source permits this
    /// at all.
    virtual Task<bool> carry_over(Entry entry) = 0;
    /// The same of several at once, which must stay valid until the task ends: one answer for each, in their order.
    virtual Task<std::vector<bool>> carry_over_all(const std::vector<Entry>& entries);
    /// Reads at most entry.size bytes of `file`, in parallel on the cpu pool: the fast path.
    virtual Task<FileRead> take_file(Entry entry, std::shared_ptr<const LocalFile> file, ChunkProfile profile,
                                     std::shared_ptr<BlockCheck> check = nullptr) = 0;
    /// Several files of at most SmallFile::bytes_max each, at most small_files_max of them (else Fault::defect), in one step: one
    /// answer for each, in their order. What fails about the repository is thrown.
    virtual Task<std::vector<SmallFileRead>> take_small_files(std::vector<SmallFile> files);
    static constexpr std::size_t small_files_max = 64;
    /// An entry without content (directory, link) or with small content at hand.
    virtual Task<> add(Entry entry, Bytes content = {}) = 0;
    /// An entry whose content is pushed; it is in the backup when the writer was finished. entry.size is set from what came.
    virtual Task<std::unique_ptr<EntryWriter>> open(Entry entry, ChunkProfile profile) = 0;
};

struct BackupRequest {
    std::string label;  ///< unique: goes to the engine's own backup label
    bool read_everything = false;
};

struct BackupFacts {
    std::optional<LogPosition> start;  ///< engines with a log: recovery begins here
    std::optional<LogPosition> stop;   ///< consistent from here on
    std::uint64_t log_end = 0;       ///< the backup carries its own log up to here, with every commit until stop_time; 0: to stop
    std::optional<Lineage> lineage;  ///< the lineage of `stop`
    Instant stop_time;               ///< by the engine's clock, taken after `stop`: a target at or after it can use this backup
    Properties facts;                ///< what restore and drills need
    std::vector<Finding>
        findings;  ///< bad pages, unreadable entries: the backup is stored and marked partial when one is an error
};

// ---------------------------------------------------------------------------------------------------------------- log

/// Where a followed log goes. Receiving goes on while earlier bytes are on their way. io thread only.
class LogSink {
public:
    virtual ~LogSink() = default;
    /// Before the first run of a lineage, and again after each reconnect (the same lineage is fine).
    virtual Task<> begin_lineage(Lineage lineage) = 0;
    /// Takes the run; waits while too much is under way. Runs of one lineage follow one another, unless a gap was recorded.
    virtual Task<> append(LogRun run) = 0;
    /// Stores the gap before it ends.
    virtual Task<> record_gap(Gap gap) = 0;
    /// At `time`, by the source's clock, its log ended at `at`: once that is durable, so is every commit up to `time`. Told
    /// whenever the source says so; a sink may ignore it.
    virtual void known_through(std::uint64_t at, Instant time);
    /// What is held becomes an object now: marks, checks, the server's shutdown, our own stop. Does not wait for durability.
    virtual Task<> seal() = 0;
    /// The end of what is durable on every required repository: what may be acknowledged to the server. Nothing before the first
    /// object.
    virtual std::optional<LogPosition> durable() const = 0;
    /// The lineage that durable() lies in, with the facts that it was begun with last, by whomever: so that a driver knows again
    /// what it follows. Nothing before the first object, and when it is not known.
    virtual std::optional<Lineage> durable_lineage() const;
    /// Ends when durable() has moved beyond `position`, or has another lineage; Fault::cancelled when stopped.
    virtual Task<> durable_after(std::optional<LogPosition> position) = 0;
    /// Throws what a required repository last answered when it refuses now, else nothing: a driver stays disconnected meanwhile.
    virtual void throw_if_blocked() const = 0;
};

// ------------------------------------------------------------------------------------------------------------ restore

/// The instant asked for. Exactly one way of saying it.
struct Target {
    enum class Kind { latest, immediate, time, lsn, xid, name, gtid, position, transaction, mark };
    Kind kind = Kind::latest;
    std::string text;             ///< as typed
    std::optional<Instant> time;  ///< Kind::time
    bool inclusive = true;        ///< false: stop just before it
    std::string without{};        ///< Kind::latest: the transaction with this GTID is left out on the way
};

/// A contiguous stretch of one lineage on the way to the target.
struct LineageStretch {
    Lineage lineage;
    std::uint64_t from = 0;
    std::uint64_t to = 0;  ///< end (exclusive): the next lineage's parent position, or the archive's tip, frozen by the plan
};

/// The lineages from a base to the target's lineage, oldest first.
using LineagePath = std::vector<LineageStretch>;

class EntryVisitor {
public:
    virtual ~EntryVisitor() = default;
    virtual Task<> visit(const Entry& entry) = 0;
};

/// A directory that is held open.
struct OpenedFolder {
    std::filesystem::path path;
    Descriptor descriptor;
};

/// One file to write: the entry's content, at `path`.
struct FileTarget {
    Entry entry;
    std::filesystem::path path;
    /// When given, `path` lies below it and is opened from there, and no link on the way is followed: who may write into the
    /// folder cannot lead the restore out of it.
    std::shared_ptr<const OpenedFolder> within = nullptr;
    bool sparse = false;  ///< WriteMode::create: pages of zeros stay holes
};

enum class WriteMode {
    create,  ///< files are created; Fault::conflict when one is there
    delta,   ///< what is there is read, compared by chunk and kept where it is equal
};

/// What became of files that were to be written.
struct ContentWritten {
    std::uint64_t bytes = 0;
    std::vector<std::string> damage;  ///< a sentence for each thing that is damaged, with the paths that it harms
    std::set<std::string> harmed;     ///< entries that cannot be had: nothing is there (create), or what was there (delta)
    /// Fault::corrupt with all of `damage`, when there is any.
    void require_whole(const std::string& remedy) const;
};

/// Gives a backup's content back. Every chunk is checked against its id before it is used.
class RestoreSource {
public:
    virtual ~RestoreSource() = default;
    virtual const BackupFacts& facts() const = 0;
    /// Every entry, in path order.
    virtual Task<> each(EntryVisitor& visitor) = 0;
    /// Writes the content of all these regular files (mode 0600, ours), visiting each pack once. What is damaged harms the files
    /// that need it; the rest is written all the same.
    virtual Task<ContentWritten> write(std::vector<FileTarget> files, WriteMode mode) = 0;
    /// One entry's content as a stream.
    virtual std::unique_ptr<ByteSource> open(const Entry& entry) = 0;
};

/// Gives an archived log back, along a path that the plan has frozen.
class LogSource {
public:
    virtual ~LogSource() = default;
    virtual const LineagePath& path() const = 0;
    /// Every lineage that the archive knows of, on the path or not.
    virtual const std::vector<Lineage>& lineages() const = 0;
    /// [from, to) of one lineage of the path; Fault::missing when a byte of it is positively absent.
    virtual std::unique_ptr<ByteSource> read(LineageName lineage, std::uint64_t from, std::uint64_t to) = 0;
    /// The moments of [from, to) of one lineage.
    virtual Task<std::vector<Moment>> moments(LineageName lineage, std::uint64_t from, std::uint64_t to) = 0;
    /// Start of the last whole record in the last stretch of the path; 0 when unknown.
    virtual Task<std::uint64_t> last_whole() = 0;
};

/// What a target means in this archive. Found before a byte is written.
struct ResolvedTarget {
    Target target;                        ///< as it is handed to the engine; may differ from what was typed
    std::optional<LogPosition> position;  ///< where recovery will stop, when it is known
    std::string explanation;              ///< one sentence for the plan
};

struct RestoreRequest {
    std::filesystem::path to;     ///< empty: `into` is meant
    std::string into{};           ///< a connection to an empty server
    std::string into_password{};  ///< its password, by reference
    ResolvedTarget target;
    WriteMode mode = WriteMode::create;
    std::string action = "promote";                            ///< promote | pause | shutdown
    std::map<std::string, std::filesystem::path> tablespaces;  ///< name or oid -> new directory
    bool as_production = false;                                ///< keep archiving; else a copy
    bool on_demand_log = false;                                ///< fetch log when the engine asks, instead of staging it
    std::filesystem::path plan_file;                           ///< for on-demand fetching; empty: that is not possible
    std::optional<std::string> owner;                          ///< user that gets the files, when we are root
    bool start = false;                                        ///< start the restored server; for drivers that can
    std::vector<std::string> include;                          ///< paths and patterns: only what they mean; empty: everything
    Settings source;                                           ///< the source's settings (bin_dir, scratch_dir)
};

/// What a restore is going to do, beyond what was asked for.
struct RestoreOutlook {
    bool on_demand_log = false;  ///< asked for, or there is no room for the staged log
    std::vector<std::string> notes;
    std::optional<std::uint64_t> bytes;  ///< content that is going to be written, where that is less than the whole backup's
};

struct Restored {
    std::optional<LogPosition> reached;  ///< empty: the server rolls forward when it is started
    std::uint64_t bytes_written = 0;
    std::string next_step;  ///< what the operator types now
};

// ------------------------------------------------------------------------------------------------------------- driver

struct SourceState {
    std::string identity;  ///< unchanging: PostgreSQL's system identifier
    std::string version;   ///< of the engine
    std::optional<LogPosition> position;
    std::uint64_t bytes = 0;  ///< about how much there is to back up; 0: unknown
    Properties facts;
    std::vector<Finding> findings;
};

/// A check of the round trip: the position that must become durable, after the driver forced the log on.
struct LogProbe {
    LogPosition written;
};

struct DriverTraits {
    bool has_log = false;          ///< follow_log, probe_log and positions mean something
    bool restores_parts = false;   ///< RestoreRequest::include means something
    bool starts_restored = false;  ///< RestoreRequest::start means something
    bool log_has_files = false;    ///< of which each is rebuilt whole: log begins where its lineage does, not where a backup ends
};

/// A service object of the composition root, handed to every driver.
struct DriverServices {
    Pools& pools;
    Clock& clock;
    std::filesystem::path state_dir;  ///< this source's own folder: caches that may be lost
};

/// A file that the engine hands over to be archived (PostgreSQL: archive_command).
struct LogFile {
    enum class Kind {
        run,      ///< [from, to) of `lineage`: a whole WAL segment
        history,  ///< describes a lineage; its facts hold the content
        other,    ///< nothing an archive needs (a backup label, a partial segment)
    };
    Kind kind = Kind::other;
    Lineage lineage;
    std::uint64_t from = 0, to = 0;
    std::vector<Moment> moments;
    std::uint64_t last_whole = 0;
};

/// A file of the engine's log, written out of the archive.
struct ExportedFile {
    std::string name;
    std::uint64_t bytes = 0;
};

/// An engine that can be archived. One object serves one source, on the io thread.
/// back_up and follow_log may run on the same object at the same time. Errors are raised, never retried here.
class Driver {
public:
    virtual ~Driver() = default;
    virtual DriverTraits traits() const noexcept = 0;
    /// A position as the engine prints it (`0/3000060`); decimal unless the driver knows better. Any thread.
    virtual std::string print_position(std::uint64_t at) const;
    /// The same for a position of `lineage`, whose facts may tell more. Any thread.
    virtual std::string print_position_in(const Lineage& lineage, std::uint64_t at) const;
    /// Identity, version, position, and findings with remedies. Changes nothing.
    virtual Task<SourceState> inspect() = 0;
    /// One self-sufficient copy. Cancelling it, or any failure, gives back everything held on the server.
    virtual Task<BackupFacts> back_up(BackupRequest request, BackupSink& sink) = 0;
    /// Streams from `from` (nothing: begin a lineage at the server's present position) until cancelled or cut.
    /// Fault::missing: that position is gone on the server; the caller records the gap and begins anew.
    virtual Task<> follow_log(std::optional<LogPosition> from, LogSink& sink) = 0;
    /// Makes the server write something to its log and says where: a check, a mark.
    virtual Task<LogProbe> probe_log(std::string mark) = 0;
    /// What `target` means, before anything is written: Error code `point_not_recoverable` (22) when it cannot be reached.
    virtual Task<ResolvedTarget> resolve(Target target, const BackupFacts& base, LogSource* log) = 0;
    /// Throws what restore() would throw before it writes (what is in the way, room, owner, action); changes nothing.
    virtual Task<RestoreOutlook> preview_restore(RestoreRequest request, RestoreSource& base, LogSource* log) = 0;
    /// The driver knows the order of base and log. `log` is nullptr when the base alone is wanted.
    virtual Task<Restored> restore(RestoreRequest request, RestoreSource& base, LogSource* log) = 0;
    /// Gives back what it holds on the server (slot).
    virtual Task<> retire() = 0;

    /// What a file that the engine wants archived is; Fault::invalid when it is not this source's. Fault::unsupported: no such
    /// thing here.
    virtual Task<LogFile> identify_log_file(std::filesystem::path path);
    /// Writes the log file called `name` to `to`, whole or not at all, from the path of `log`. False: positively absent (beyond
    /// the tip, off the path, never archived). Whatever else keeps it away is thrown.
    virtual Task<bool> fetch_log_file(std::string name, std::filesystem::path to, LogSource& log);
    /// Writes the one stretch of `log`'s path into the directory `to`, as the engine's own files (DriverTraits::log_has_files).
    /// Fault::conflict when one is there; Fault::unsupported: no such thing here.
    virtual Task<std::vector<ExportedFile>> export_log(std::filesystem::path to, LogSource& log);
};

using MakeDriver = std::function<std::unique_ptr<Driver>(SourceName, const Settings&, DriverServices)>;

}  // namespace varve

#include "sqlite/database.hpp"

#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "sqlite/record.hpp"
#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

constexpr std::string_view header_text{"SQLite format 3\0", 16};
constexpr std::size_t header_bytes = 100;
constexpr int wal_version = 2;
constexpr int index_tries = 200;

/// Filesystems on which SQLite's shared memory does not reach every writer. linux/magic.h, and cifs, ceph, which are not in it.
constexpr std::array<std::uint32_t, 6> network_filesystems{0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x00c36400};

void require_local(const LocalFile& file) {
    struct ::statfs status{};
    if (::fstatfs(file.descriptor(), &status) != 0) throw system_error(errno, "statfs", file.path());
    if (std::ranges::find(network_filesystems, static_cast<std::uint32_t>(status.f_type)) == network_filesystems.end()) return;
    throw Error{Fault::unsupported, file.path().string() + " lies on a network filesystem, where SQLite's WAL cannot be shared"}
        .hint("Run Varve on the host where the application runs, or move the database to a local disk.");
}

/// A companion that another user makes first could not be written by the application.
void require_owner(const LocalFile& file) {
    const auto us = ::geteuid();
    if (us == 0 || us == file.status().st_uid) return;
    throw Error{Fault::denied, file.path().string() + " belongs to user " + std::to_string(file.status().st_uid) +
                                   ", and Varve runs as user " + std::to_string(us)}
        .hint(
            "Run Varve as root, or as the user that owns the database: another one would make files beside it that the "
            "application cannot write.");
}

Error no_database(const LocalFile& file) {
    if (file.status_now().st_size == 0)
        return Error{Fault::overloaded, file.path().string() + " is empty: nothing was written into it yet"};
    return Error{Fault::invalid, file.path().string() + " is not a SQLite database"}.hint(
        "Name the database file in `path`. An encrypted database (SQLCipher) cannot be archived.");
}

Error not_wal(const std::filesystem::path& path) {
    return Error{Fault::unsupported, path.string() + " is not in WAL mode, so there is no log to follow"}.hint(
        "Switch it once, it stays so: sqlite3 " + path.string() + " 'PRAGMA journal_mode=WAL'");
}

std::filesystem::path with_suffix(const std::filesystem::path& path, const char* suffix) { return path.string() + suffix; }

}  // namespace

std::filesystem::path wal_of(const std::filesystem::path& database) { return with_suffix(database, "-wal"); }
std::filesystem::path shm_of(const std::filesystem::path& database) { return with_suffix(database, "-shm"); }
std::filesystem::path journal_of(const std::filesystem::path& database) { return with_suffix(database, "-journal"); }

std::optional<DatabaseHeader> find_database_header(const LocalFile& file) {
    std::array<std::uint8_t, header_bytes> bytes{};
    if (file.read_at(0, bytes) < bytes.size()) return std::nullopt;
    if (text_of(bytes).substr(0, header_text.size()) != header_text) return std::nullopt;
    DatabaseHeader header;
    const std::uint32_t size = std::uint32_t{bytes[16]} << 8 | bytes[17];
    header.page_size = size == 1 ? 65536 : size;
    if (!is_page_size(header.page_size)) return std::nullopt;
    header.wal_mode = bytes[18] == wal_version && bytes[19] == wal_version;
    return header;
}

LocalFile open_database_file(const std::filesystem::path& path) {
    // SQLite follows a link too, and puts its companions beside what it leads to.
    std::error_code unknown;
    const auto real = std::filesystem::canonical(path, unknown);
    auto file = LocalFile::open(unknown ? path : real);
    require_local(file);
    require_owner(file);
    if (!find_database_header(file)) throw no_database(file);
    return file;
}

WalIndex settled_wal_index(const LocalFile& shm) {
    for (int i = 0; i < index_tries; ++i) {
        if (const auto index = read_wal_index(shm); index && index->initialised) return *index;
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    throw Error{Fault::overloaded, shm.path().string() + " does not settle: a writer died while it changed it"};
}

SnapshotPoint snapshot_point(const LocalFile& database, std::uint32_t page_size, const WalIndex& index) {
    SnapshotPoint point;
    point.page_size = page_size;
    point.salts = index.salts;
    point.frame = index.last_frame;
    point.in_file = index.backfilled >= index.last_frame;
    const auto bytes = static_cast<std::uint64_t>(database.status_now().st_size);
    point.pages = index.last_frame > 0 ? index.database_pages : static_cast<std::uint32_t>((bytes + page_size - 1) / page_size);
    return point;
}

FollowedDatabase::FollowedDatabase(const std::filesystem::path& path) : file_{open_database_file(path)} {
    const auto header = find_database_header(file_);
    if (!header) throw no_database(file_);
    if (!header->wal_mode) throw not_wal(path);
    page_size_ = header->page_size;
    try {
        // Makes the shared memory when nobody has it open. What it locks may be dropped by somebody who closes that file
        // meanwhile: so it is only asked, and the readers come when the file is held.
        Connection first{file_.path(), Access::follow};
        first.begin_reading();
        first.end();
        shm_ = LocalFile::open(shm_of(file_.path()));
    } catch (Error& error) {
        if (error.fault() == Fault::missing || error.fault() == Fault::overloaded)
            throw Error{Fault::unsupported, path.string() + " is kept by one process for itself: " + error.sentence()}.hint(
                "An application that sets locking_mode=EXCLUSIVE cannot be followed.");
        throw;
    }
    for (auto& reader : readers_) reader = connect();
    readers_[0]->begin_reading();
}

FollowedDatabase::~FollowedDatabase() {
    for (auto& reader : readers_) reader.reset();
}

std::unique_ptr<Connection> FollowedDatabase::connect() const {
    return std::make_unique<Connection>(file_.path(), Access::follow);
}

WalIndex FollowedDatabase::index() const {
    struct ::stat now{};
    const bool there = ::stat(file_.path().c_str(), &now) == 0;
    if (!there || now.st_dev != file_.status().st_dev || now.st_ino != file_.status().st_ino)
        throw Error{Fault::conflict, file_.path().string() + (there ? " was replaced by another file" : " was removed")}.hint(
            there ? "Its log goes on as a new lineage, with a base backup of its own."
                  : "What is archived stays. Restore it, or take the source out of the configuration.");
    if (::stat(shm_->path().c_str(), &now) != 0 || now.st_ino != shm_->status().st_ino)
        throw Error{Fault::conflict, shm_->path().string() + " was removed while the database is open"}.hint(
            "Nobody but SQLite may remove -wal and -shm while a process has the database open: what such processes commit is "
            "lost to the others. Restart the application.");
    return settled_wal_index(*shm_);
}

void FollowedDatabase::renew_reader() {
    readers_[1 - reading_]->end();  // of a hand-over that was cut
    readers_[1 - reading_]->begin_reading();
}

void FollowedDatabase::let_go() {
    readers_[reading_]->end();
    reading_ = 1 - reading_;
}

std::optional<LocalFile> FollowedDatabase::open_wal() const {
    try {
        return LocalFile::open(wal_of(path()));
    } catch (const Error& error) {
        if (error.fault() != Fault::missing) throw;
    }
    return std::nullopt;
}

SnapshotPoint FollowedDatabase::point(const WalIndex& index) const { return snapshot_point(file_, page_size_, index); }

}  // namespace varve::sqlite

/// A user's database as this process has it open: its file first in and last out, so that no lock is dropped. Blocks.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>

#include "sqlite/connection.hpp"
#include "sqlite/snapshot.hpp"
#include "sqlite/wal_file.hpp"
#include "varve/file.hpp"

namespace varve::sqlite {

std::filesystem::path wal_of(const std::filesystem::path& database);
std::filesystem::path shm_of(const std::filesystem::path& database);
std::filesystem::path journal_of(const std::filesystem::path& database);

/// What can be known of a database file without SQLite.
struct DatabaseHeader {
    std::uint32_t page_size = 0;
    bool wal_mode = false;
};
/// Nothing when it is not a database. Reads a hundred bytes.
std::optional<DatabaseHeader> find_database_header(const LocalFile& file);

/// Opens a database that may be opened: ours or everybody's as root, on a local filesystem, not empty. Fault::denied,
/// unsupported, missing, overloaded (empty: nothing was written into it yet), each with its remedy.
LocalFile open_database_file(const std::filesystem::path& path);

/// What is committed, once no writer is changing it. Fault::overloaded when that takes too long.
WalIndex settled_wal_index(const LocalFile& shm);
/// Where the database is at `index`: a reader must have been opened before that was looked up.
SnapshotPoint snapshot_point(const LocalFile& database, std::uint32_t page_size, const WalIndex& index);

/// In WAL mode, with a read transaction open at every instant until this ends: so no committed frame leaves the WAL before it was
/// read. The transaction is handed over, never let go and taken again.
class FollowedDatabase {
public:
    /// Fault::unsupported when it is not in WAL mode, or an application keeps it for itself.
    explicit FollowedDatabase(const std::filesystem::path& path);

    const LocalFile& file() const noexcept { return file_; }
    const std::filesystem::path& path() const noexcept { return file_.path(); }
    std::uint32_t page_size() const noexcept { return page_size_; }
    /// What is committed now. Fault::conflict when the path leads to another file by now, or to none.
    WalIndex index() const;
    /// The read transaction goes on at the newest state, so that more of the WAL can be brought into the database file.
    /// Everything up to the one that it lets go must have been read, and is: when index() is looked up, and read, between
    /// renew_reader() and let_go().
    void renew_reader();
    void let_go();
    /// A connection of its own to the same database.
    std::unique_ptr<Connection> connect() const;
    std::optional<LocalFile> open_wal() const;
    SnapshotPoint point(const WalIndex& index) const;

private:
    LocalFile file_;
    std::uint32_t page_size_ = 0;
    std::array<std::unique_ptr<Connection>, 2> readers_;
    unsigned reading_ = 0;          ///< which of them holds the older transaction
    std::optional<LocalFile> shm_;  ///< closed before file_ and after the connections: see ~FollowedDatabase

public:
    ~FollowedDatabase();
    FollowedDatabase(const FollowedDatabase&) = delete;
    FollowedDatabase& operator=(const FollowedDatabase&) = delete;
};

}  // namespace varve::sqlite

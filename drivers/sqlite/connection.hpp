/// One connection to a database, through SQLite's own library. Blocks: blocking pool; one call at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

struct sqlite3;

namespace varve::sqlite {

enum class Access {
    follow,  ///< leaves the WAL alone when it closes
    visit    ///< closes as SQLite does: the last one brings the WAL into the file, and takes it away
};

/// What a checkpoint found.
struct Checkpoint {
    bool busy = false;
    int frames = -1;      ///< in the WAL; -1: the database is not in WAL mode
    int backfilled = -1;  ///< of them, in the database file
    bool complete() const noexcept { return !busy && frames >= 0 && frames == backfilled; }
};

/// Never checkpoints by itself while it is open. Who opens a user's database holds a LocalFile of
/// it from before until after: see varve/file.hpp.
class Connection {
public:
    /// Reads the schema, so that the database's mode is known. Fault::denied, invalid (no database), corrupt, overloaded
    /// (locked), unreachable.
    Connection(const std::filesystem::path& path, Access access);

    void execute(const std::string& sql);
    /// The first column of the first row; nothing when there is no row or it is NULL.
    std::optional<std::string> find_text(const std::string& sql);

    /// Holds a snapshot of the newest state from now on. Fault::overloaded when the database is locked.
    void begin_reading();
    /// Takes the write lock: nobody commits until end(). False when somebody else keeps it for longer than `patience`.
    bool try_begin_writing(std::chrono::milliseconds patience);
    /// Ends what was begun; nothing when nothing was.
    void end() noexcept;
    /// PASSIVE: waits for nobody, and stops where a reader needs the frames.
    Checkpoint checkpoint_passively();

    sqlite3* raw() const noexcept { return database_.get(); }
    const std::filesystem::path& path() const noexcept { return path_; }

private:
    struct Close {
        void operator()(sqlite3* database) const noexcept;
    };
    std::filesystem::path path_;
    std::unique_ptr<sqlite3, Close> database_;
};

/// The running library: `3.40.1`.
std::string library_version();
/// Whether that library has the WAL-reset defect (3.7.0 to 3.51.2, but for the releases that carry the correction).
bool has_wal_reset_defect();

}  // namespace varve::sqlite

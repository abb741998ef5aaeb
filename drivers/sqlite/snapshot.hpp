/// A database's pages as they were at one frame of its WAL.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "sqlite/page_hashes.hpp"
#include "sqlite/wal_file.hpp"
#include "varve/file.hpp"

namespace varve::sqlite {

/// Where a snapshot lies: after this frame of this generation.
struct SnapshotPoint {
    std::uint32_t page_size = 0;
    std::uint32_t pages = 0;
    Salts salts{};
    std::uint32_t frame = 0;
    bool in_file = false;  ///< the database file has all of it: no frame is needed
};

/// Valid for as long as a read transaction that began before `point` was looked up is held: it keeps later frames out of the
/// database file, and the frames up to `point` in the WAL. Blocks.
class Snapshot {
public:
    /// Fault::overloaded when the WAL was reset while this looked: take a new point.
    Snapshot(const LocalFile& database, const std::optional<LocalFile>& wal, SnapshotPoint point);

    const SnapshotPoint& point() const noexcept { return point_; }
    /// `into` is a number of pages long. A page that the file does not reach is zeros.
    void read(std::uint32_t first_page, std::span<std::uint8_t> into) const;
    PageHashes hashes() const;

private:
    const LocalFile& database_;
    const std::optional<LocalFile>& wal_;
    SnapshotPoint point_;
    std::map<std::uint32_t, std::uint32_t> frames_;  ///< page -> its newest frame
};

}  // namespace varve::sqlite

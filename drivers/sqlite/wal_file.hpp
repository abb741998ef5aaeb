/// The write-ahead log as SQLite writes it. Format: sqlite.org/fileformat2.html, section 4.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "varve/bytes.hpp"
#include "varve/file.hpp"

namespace varve::sqlite {

inline constexpr std::size_t wal_header_bytes = 32;
inline constexpr std::size_t frame_header_bytes = 24;

/// The two salts as they lie in the file: they name one generation of the WAL, from one reset to the next.
using Salts = std::array<std::uint8_t, 8>;
/// A cumulative checksum: over the header and every frame so far.
struct FrameChecksum {
    std::uint32_t first = 0, second = 0;
    friend bool operator==(const FrameChecksum&, const FrameChecksum&) = default;
};

struct WalHeader {
    bool big_endian = false;  ///< how words are read for checksums
    std::uint32_t page_size = 0;
    Salts salts{};
    FrameChecksum checksum;
};

struct FrameHeader {
    std::uint32_t page = 0;
    std::uint32_t database_pages = 0;  ///< after this commit; 0: the transaction goes on
    Salts salts{};
    FrameChecksum checksum;
};

/// Nothing when these 32 bytes are no whole header.
std::optional<WalHeader> parse_wal_header(ByteView bytes);
FrameHeader parse_frame_header(ByteView bytes);
/// `so_far` carried over a frame's header (its first eight bytes count) and page.
FrameChecksum checksum_of_frame(FrameChecksum so_far, bool big_endian, ByteView frame);

inline std::uint64_t frame_offset(std::uint32_t frame, std::uint32_t page_size) {
    return wal_header_bytes + (frame - 1ULL) * (frame_header_bytes + page_size);
}

/// salt1 as a number: a reset by SQLite adds one to it.
std::uint32_t first_salt(const Salts& salts);

/// The head of the WAL index, which lies twice at the begin of `-shm`: what is committed and what is in the database file.
struct WalIndex {
    bool initialised = false;
    std::uint32_t page_size = 0;
    std::uint32_t last_frame = 0;      ///< of the last commit
    std::uint32_t database_pages = 0;  ///< after it
    FrameChecksum checksum;            ///< of that frame
    Salts salts{};
    std::uint32_t backfilled = 0;  ///< frames that the database file has
};

/// Nothing while a writer is changing it: look again. Numbers in it are those of this machine.
std::optional<WalIndex> read_wal_index(const LocalFile& shm);

}  // namespace varve::sqlite

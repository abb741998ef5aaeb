/// The records of an archived SQLite log. Specified in docs/repository-format.md, "SQLite log".
///
/// A lineage's log is a stream of records; its positions count the stream's bytes, from 1. A record's length follows from what
/// it tells, and never from when it was made: read again from the same WAL, it lies at the same place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sqlite/wal_file.hpp"
#include "varve/bytes.hpp"
#include "varve/clock.hpp"

namespace varve::sqlite {

inline constexpr std::size_t record_header_bytes = 64;
inline constexpr std::size_t mark_bytes_max = 1024;
/// Where a lineage's first record lies.
inline constexpr std::uint64_t first_position = 1;

enum class RecordKind : std::uint8_t {
    begin = 1,        ///< the lineage begins: the database as the next base backup finds it
    transaction = 2,  ///< one commit: the newest image of each page it wrote
    mark = 3,         ///< a restore point that a person named; changes nothing
};

struct RecordHeader {
    RecordKind kind = RecordKind::transaction;
    std::uint64_t number = 0;  ///< transactions since the lineage began, this one included
    Instant observed;          ///< when it was seen in the WAL: SQLite keeps no time of a commit
    std::uint32_t page_size = 0;
    std::uint32_t database_pages = 0;  ///< after it
    std::uint32_t count = 0;           ///< pages that follow, or bytes of the mark's name
    Salts salts{};
    std::uint32_t first_frame = 0, last_frame = 0;  ///< where it lay in the WAL
    std::uint64_t checksum = 0;                     ///< of the whole database after it

    /// Of the whole record.
    std::uint64_t bytes() const noexcept;
};

/// "transaction 17": a position as a person reads it.
std::string words_of_transaction(std::uint64_t number);
bool is_page_size(std::uint32_t bytes) noexcept;

Bytes encode(const RecordHeader& header);
/// Fault::corrupt when it is none.
RecordHeader parse_record_header(ByteView bytes);

}  // namespace varve::sqlite

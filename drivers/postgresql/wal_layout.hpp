/// The write-ahead log's layout, as far as it is read here (PostgreSQL's xlog_internal.h, xlogrecord.h, xact.h). Little-endian:
/// the machines Varve is built for. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "varve/bytes.hpp"
#include "varve/clock.hpp"

namespace varve::postgresql::wal {

inline constexpr std::size_t short_header_bytes =
    24;  ///< magic u16, info u16, timeline u32, page address u64, remaining u32, 4 unused
inline constexpr std::size_t long_header_bytes = 40;  ///< and system identifier u64, segment size u32, page size u32
inline constexpr std::size_t record_header_bytes =
    24;  ///< total u32, xid u32, previous u64, info u8, manager u8, 2 unused, crc u32
inline constexpr std::size_t crc_offset = 20;

inline constexpr std::uint16_t first_is_continuation = 1, has_long_header = 2, first_overwrites_continuation = 8;

inline constexpr std::uint8_t manager_xlog = 0, manager_transaction = 1, manager_tablespace = 5;
inline constexpr std::uint8_t xlog_switch = 0x40, xlog_parameter_change = 0x60, xlog_restore_point = 0x70;
inline constexpr std::uint8_t tablespace_create = 0x00;
inline constexpr std::uint8_t kind_mask = 0xf0;  ///< of a record's info: the rest is the log's own
inline constexpr std::uint8_t transaction_kind_mask = 0x70, commit = 0x00, abort = 0x20, commit_prepared = 0x30,
                              abort_prepared = 0x40;
inline constexpr std::uint8_t transaction_has_info = 0x80;

inline constexpr std::size_t restore_point_name_bytes = 64;

std::uint16_t u16_at(ByteView bytes, std::size_t offset) noexcept;
std::uint32_t u32_at(ByteView bytes, std::size_t offset) noexcept;
std::uint64_t u64_at(ByteView bytes, std::size_t offset) noexcept;

/// 0xD106 for 13 … 0xD118 for 18.
bool is_known_magic(std::uint16_t magic) noexcept;
inline constexpr std::uint16_t magic_18 = 0xD118;

/// Microseconds since 2000, as records carry them.
Instant instant_at(ByteView bytes, std::size_t offset) noexcept;

/// The main data of a record, from the beginning of its body on: what follows the block and data headers. Nothing when the record
/// touches blocks, or when its headers are not all in `body`.
std::optional<ByteView> main_data(ByteView body) noexcept;

/// The transaction id that a COMMIT PREPARED or ABORT PREPARED carries inside. 0: not in `data`.
std::uint32_t prepared_xid(ByteView data, bool is_commit, bool stats_are_wide) noexcept;

}  // namespace varve::postgresql::wal

/// Places in PostgreSQL's write-ahead log, and the segment files that hold them. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace varve::postgresql {

/// A byte position in the log, counted from its very beginning; runs on across timelines.
using Lsn = std::uint64_t;

inline constexpr std::uint64_t wal_page_bytes = 8192;
inline constexpr std::uint64_t segment_bytes_min = 1u << 20;
inline constexpr std::uint64_t segment_bytes_max = 1u << 30;

/// `0/3000060`, as the server prints it.
std::string to_text(Lsn lsn);
/// Fault::invalid on anything but two hexadecimal halves of at most eight digits.
Lsn parse_lsn(std::string_view text);

/// A power of two from 1 MiB to 1 GiB.
bool is_segment_size(std::uint64_t bytes) noexcept;
/// `16MB` as SHOW wal_segment_size prints it, in bytes. Fault::invalid when it is no segment size.
std::uint64_t parse_segment_size(std::string_view text);

/// Where the segment that holds `lsn` begins.
inline Lsn segment_start(Lsn lsn, std::uint64_t segment_bytes) noexcept { return lsn - lsn % segment_bytes; }
/// Where the next segment begins.
inline Lsn segment_end(Lsn lsn, std::uint64_t segment_bytes) noexcept {
    return segment_start(lsn, segment_bytes) + segment_bytes;
}
inline Lsn page_start(Lsn lsn) noexcept { return lsn - lsn % wal_page_bytes; }

/// The file that holds `lsn` on `timeline`: `000000010000000000000003`.
std::string segment_name(std::uint32_t timeline, Lsn lsn, std::uint64_t segment_bytes);
/// `00000002.history`
std::string history_name(std::uint32_t timeline);

}  // namespace varve::postgresql

#include "sqlite/wal_file.hpp"

#include <algorithm>
#include <cstring>

#include "sqlite/big_endian.hpp"

namespace varve::sqlite {

namespace {

constexpr std::uint32_t magic = 0x377f0682;
constexpr std::uint32_t format_version = 3007000;

FrameChecksum carry(FrameChecksum sum, bool big_endian, ByteView bytes) {
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
        std::uint32_t first, second;
        std::memcpy(&first, bytes.data() + at, 4);
        std::memcpy(&second, bytes.data() + at + 4, 4);
        if (big_endian) {
            first = __builtin_bswap32(first);
            second = __builtin_bswap32(second);
        }
        sum.first += first + sum.second;
        sum.second += second + sum.first;
    }
    return sum;
}

Salts salts_at(ByteView bytes) {
    Salts salts;
    std::ranges::copy(bytes.first(salts.size()), salts.begin());
    return salts;
}

/// As it lies in memory: walindex.c writes it with memcpy.
std::uint32_t native(ByteView bytes, std::size_t at) {
    std::uint32_t value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

constexpr std::size_t index_header_bytes = 48;
constexpr std::size_t index_checksummed_bytes = 40;

}  // namespace

std::optional<WalHeader> parse_wal_header(ByteView bytes) {
    if (bytes.size() < wal_header_bytes) return std::nullopt;
    const auto found = big_endian_32(bytes, 0);
    if ((found & ~1U) != magic || big_endian_32(bytes, 4) != format_version) return std::nullopt;
    WalHeader header;
    header.big_endian = (found & 1U) != 0;
    header.page_size = big_endian_32(bytes, 8);
    header.salts = salts_at(bytes.subspan(16));
    header.checksum = {big_endian_32(bytes, 24), big_endian_32(bytes, 28)};
    if (carry({}, header.big_endian, bytes.first(24)) != header.checksum) return std::nullopt;
    return header;
}

FrameHeader parse_frame_header(ByteView bytes) {
    FrameHeader header;
    header.page = big_endian_32(bytes, 0);
    header.database_pages = big_endian_32(bytes, 4);
    header.salts = salts_at(bytes.subspan(8));
    header.checksum = {big_endian_32(bytes, 16), big_endian_32(bytes, 20)};
    return header;
}

FrameChecksum checksum_of_frame(FrameChecksum so_far, bool big_endian, ByteView frame) {
    return carry(carry(so_far, big_endian, frame.first(8)), big_endian, frame.subspan(frame_header_bytes));
}

std::uint32_t first_salt(const Salts& salts) { return big_endian_32(salts, 0); }

std::optional<WalIndex> read_wal_index(const LocalFile& shm) {
    std::array<std::uint8_t, 2 * index_header_bytes + 4> bytes{};
    if (shm.read_at(0, bytes) < bytes.size()) return WalIndex{};
    const ByteView all{bytes};
    const auto head = all.first(index_header_bytes);
    if (!std::ranges::equal(head, all.subspan(index_header_bytes, index_header_bytes))) return std::nullopt;
    WalIndex index;
    index.initialised = head[12] != 0;
    if (!index.initialised) return index;
    if (carry({}, false, head.first(index_checksummed_bytes)) != FrameChecksum{native(head, 40), native(head, 44)})
        return std::nullopt;
    std::uint16_t size_word;
    std::memcpy(&size_word, head.data() + 14, sizeof size_word);
    index.page_size = (size_word & 0xfe00U) + ((size_word & 1U) << 16);
    index.last_frame = native(head, 16);
    index.database_pages = native(head, 20);
    index.checksum = {native(head, 24), native(head, 28)};
    index.salts = salts_at(head.subspan(32));
    index.backfilled = native(all, 2 * index_header_bytes);
    return index;
}

}  // namespace varve::sqlite

#include "sqlite/record.hpp"

#include <algorithm>
#include <bit>

#include "sqlite/big_endian.hpp"
#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

constexpr std::uint32_t record_magic = 0x56535131;  // "VSQ1"

}  // namespace

std::string words_of_transaction(std::uint64_t number) { return "transaction " + std::to_string(number); }

bool is_page_size(std::uint32_t bytes) noexcept { return bytes >= 512 && bytes <= 65536 && std::has_single_bit(bytes); }

std::uint64_t RecordHeader::bytes() const noexcept {
    const std::uint64_t each = kind == RecordKind::mark ? 1 : sizeof(std::uint32_t) + page_size;
    return record_header_bytes + count * each;
}

Bytes encode(const RecordHeader& header) {
    Bytes bytes;
    bytes.reserve(record_header_bytes);
    append_32(bytes, record_magic);
    append_32(bytes, std::uint32_t{static_cast<std::uint8_t>(header.kind)} << 24);
    append_64(bytes, header.number);
    append_64(bytes, static_cast<std::uint64_t>(header.observed.time_since_epoch().count()));
    append_32(bytes, header.page_size);
    append_32(bytes, header.database_pages);
    append_32(bytes, header.count);
    bytes.insert(bytes.end(), header.salts.begin(), header.salts.end());
    append_32(bytes, header.first_frame);
    append_32(bytes, header.last_frame);
    append_32(bytes, 0);
    append_64(bytes, header.checksum);
    return bytes;
}

RecordHeader parse_record_header(ByteView bytes) {
    if (bytes.size() < record_header_bytes || big_endian_32(bytes, 0) != record_magic)
        throw Error{Fault::corrupt, "the log does not go on with a record of a SQLite database"};
    RecordHeader header;
    header.kind = static_cast<RecordKind>(bytes[4]);
    header.number = big_endian_64(bytes, 8);
    header.observed = Instant{std::chrono::microseconds{static_cast<std::int64_t>(big_endian_64(bytes, 16))}};
    header.page_size = big_endian_32(bytes, 24);
    header.database_pages = big_endian_32(bytes, 28);
    header.count = big_endian_32(bytes, 32);
    std::ranges::copy(bytes.subspan(36, header.salts.size()), header.salts.begin());
    header.first_frame = big_endian_32(bytes, 44);
    header.last_frame = big_endian_32(bytes, 48);
    header.checksum = big_endian_64(bytes, 56);
    if (header.kind < RecordKind::begin || header.kind > RecordKind::mark)
        throw Error{Fault::unsupported,
                    "the log has a record of kind " + std::to_string(bytes[4]) + ", which this program does not know"};
    const bool fits = header.kind == RecordKind::mark ? header.count <= mark_bytes_max : header.count <= header.database_pages;
    if (!is_page_size(header.page_size) || !fits) throw Error{Fault::corrupt, "a record of the log contradicts itself"};
    return header;
}

}  // namespace varve::sqlite

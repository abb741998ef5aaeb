/// Numbers as SQLite's files and our records carry them.
#pragma once

#include <cstdint>

#include "varve/bytes.hpp"

namespace varve::sqlite {

inline std::uint32_t big_endian_32(ByteView bytes, std::size_t at) {
    return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
           bytes[at + 3];
}
inline std::uint64_t big_endian_64(ByteView bytes, std::size_t at) {
    return std::uint64_t{big_endian_32(bytes, at)} << 32 | big_endian_32(bytes, at + 4);
}
inline void append_32(Bytes& into, std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) into.push_back(static_cast<std::uint8_t>(value >> shift));
}
inline void append_64(Bytes& into, std::uint64_t value) {
    append_32(into, static_cast<std::uint32_t>(value >> 32));
    append_32(into, static_cast<std::uint32_t>(value));
}

}  // namespace varve::sqlite

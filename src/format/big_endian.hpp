/// Integers of the clear framing: big-endian.
#pragma once

#include <concepts>
#include <cstdint>

#include "varve/bytes.hpp"

namespace varve {

template <std::unsigned_integral Number>
void append_number(Bytes& into, Number number) {
    for (int shift = 8 * static_cast<int>(sizeof number) - 8; shift >= 0; shift -= 8) {
        into.push_back(static_cast<std::uint8_t>(number >> shift));
    }
}

/// `bytes` must have at least sizeof(Number) of them.
template <std::unsigned_integral Number>
Number number_at(ByteView bytes) {
    Number number = 0;
    for (std::size_t i = 0; i < sizeof number; ++i) number = static_cast<Number>(number << 8 | bytes[i]);
    return number;
}

}  // namespace varve

/// Which bytes of an object a ByteRange means, once its size is known.
#pragma once

#include <algorithm>
#include <cstdint>

#include "varve/store.hpp"

namespace varve {

struct Extent {
    std::uint64_t from = 0;
    std::uint64_t count = 0;
};

/// `range` cut to an object of `size` bytes; a range wholly behind its end is empty.
inline Extent extent_of(const ByteRange& range, std::uint64_t size) noexcept {
    if (range.side == ByteRange::Side::back) {
        const auto count = std::min(range.count, size);
        return {size - count, count};
    }
    const auto from = std::min(range.from, size);
    return {from, std::min(range.count, size - from)};
}

}  // namespace varve

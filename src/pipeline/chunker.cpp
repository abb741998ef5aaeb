#include "pipeline/chunker.hpp"

#include <algorithm>
#include <bit>

#include "varve/check.hpp"

namespace varve {

namespace {

/// The highest bits of a gear hash depend on the most bytes.
std::uint64_t top_bits(int count) { return ~std::uint64_t{0} << (64 - count); }

}  // namespace

Chunker::Chunker(const Secret& chunker_key, CutSizes sizes) : sizes_{sizes} {
    const int bits = std::countr_zero(sizes.average);
    mask_before_ = top_bits(bits + 2);
    mask_after_ = top_bits(bits - 2);

    // 256 values of 64 bits: four from each HMAC of a counter.
    for (std::size_t block = 0; block < gear_.size() / 4; ++block) {
        const std::array<std::uint8_t, 5> message{'g', 'e', 'a', 'r', static_cast<std::uint8_t>(block)};
        const auto digest = hmac_sha256(chunker_key.view(), message);
        for (std::size_t i = 0; i < 4; ++i) {
            std::uint64_t value = 0;
            for (std::size_t byte = 0; byte < 8; ++byte) value = value << 8 | digest[i * 8 + byte];
            gear_[block * 4 + i] = value;
        }
    }
}

std::size_t Chunker::cut(ByteView bytes, bool last) const noexcept {
    const auto end = std::min(bytes.size(), sizes_.max);
    std::uint64_t hash = 0;
    auto at = sizes_.min;
    for (const auto stop = std::min(end, sizes_.average); at < stop; ++at) {
        hash = (hash << 1) + gear_[bytes[at]];
        if ((hash & mask_before_) == 0) return at + 1;
    }
    for (; at < end; ++at) {
        hash = (hash << 1) + gear_[bytes[at]];
        if ((hash & mask_after_) == 0) return at + 1;
    }
    return last || end == sizes_.max ? end : 0;
}

}  // namespace varve

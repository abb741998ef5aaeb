/// Where a chunk lies while a backup is being made: a pack's name is known only when it closes, so packs have numbers until then.
#pragma once

#include <cstdint>

#include "format/chunk.hpp"

namespace varve {

/// Packs of the index come first, in its order; then this backup's own, as they were begun.
using PackNumber = std::uint32_t;

struct ChunkPlace {
    PackNumber pack = 0;
    std::uint32_t offset = 0;
    std::uint32_t sealed_length = 0;
};

struct PlacedChunk {
    ChunkId id{};
    ChunkPlace place;
};
static_assert(sizeof(PlacedChunk) == 44);

}  // namespace varve

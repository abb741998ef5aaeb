/// Which chunks go where in a restore, grouped by pack so that each is fetched once.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "pipeline/pack_shelf.hpp"
#include "pipeline/recall_list.hpp"

namespace varve {

/// One chunk at one place of one file.
struct WantedChunk {
    ChunkEntry entry;
    std::uint32_t pack = 0;    ///< number on the shelf
    std::uint32_t length = 0;  ///< plaintext
    std::uint32_t file = 0;    ///< which of the files that are restored
    std::uint64_t at = 0;      ///< in that file
};

/// The chunks of one list entry, in order. Fault::corrupt when they do not make up its size. Any thread.
void append_wanted(std::vector<WantedChunk>& into, const format::FileEntry& entry, std::uint32_t file, const PackShelf& shelf);

/// Sorts by pack, then by place in it, and gives the stretch of each pack. Any thread.
std::vector<std::span<const WantedChunk>> by_pack(std::vector<WantedChunk>& wanted);

}  // namespace varve

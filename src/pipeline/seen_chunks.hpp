/// The chunks that this backup has stored itself, so that equal content (zero pages, copied files) is stored once.
#pragma once

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "pipeline/placed_chunk.hpp"

namespace varve {

/// About 54 bytes a chunk: four million of them stay below 256 MiB. Any thread, many at once.
class SeenChunks {
public:
    std::optional<ChunkPlace> find(const ChunkId& id) const;
    /// Nothing: the caller is the one that stores the chunk, and says what came of it by insert() or abandon(). While another
    /// thread is at it, waits for what comes of that. Who has claimed a chunk must not ask for another one before.
    std::optional<ChunkPlace> find_or_claim(const ChunkId& id);
    /// Keeps the first place, should there be two.
    void insert(const PlacedChunk& chunk);
    /// Storing a claimed chunk failed: somebody else may try.
    void abandon(const ChunkId& id);
    std::size_t size() const;
    /// Hands every chunk to `take` and forgets it, giving memory back on the way.
    template <class Take>
    void drain(Take take) {
        for (auto& shard : shards_) {
            const std::lock_guard lock{shard.mutex};
            shard.slots = {};
            for (std::size_t i = 0; i < shard.count; ++i) {
                take(shard.chunk(i));
                if (i % chunks_per_block == chunks_per_block - 1) shard.blocks[i / chunks_per_block].reset();
            }
            shard.blocks.clear();
            shard.count = 0;
        }
    }

private:
    static constexpr std::size_t chunks_per_block = 512;
    using Block = std::array<PlacedChunk, chunks_per_block>;

    /// Chunks stand in blocks that never move; `slots` is an open-addressing table of their numbers plus one.
    struct Shard {
        mutable std::mutex mutex;
        std::condition_variable claims_changed;
        std::vector<ChunkId> claimed;  ///< one for each thread that is storing
        std::vector<std::unique_ptr<Block>> blocks;
        std::vector<std::uint32_t> slots;
        std::size_t count = 0;

        const PlacedChunk& chunk(std::size_t number) const {
            return (*blocks[number / chunks_per_block])[number % chunks_per_block];
        }
        /// The slot that holds `id`, or the empty one where it would go. The table must not be empty.
        std::size_t slot_of(const ChunkId& id) const;
        std::optional<ChunkPlace> find(const ChunkId& id) const;
        void grow();
    };

    Shard& shard_of(const ChunkId& id) { return shards_[id[0] % shards_.size()]; }
    const Shard& shard_of(const ChunkId& id) const { return shards_[id[0] % shards_.size()]; }

    std::array<Shard, 64> shards_;
};

}  // namespace varve

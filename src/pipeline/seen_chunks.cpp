#include "pipeline/seen_chunks.hpp"

#include <cstring>

namespace varve {

namespace {

/// Chunk ids are uniform: any eight bytes are a hash. The first byte chose the shard already.
std::uint64_t hash_of(const ChunkId& id) {
    std::uint64_t value;
    std::memcpy(&value, id.data() + 8, sizeof value);
    return value;
}

}  // namespace

std::size_t SeenChunks::Shard::slot_of(const ChunkId& id) const {
    const auto mask = slots.size() - 1;
    auto slot = hash_of(id) & mask;
    while (slots[slot] != 0 && chunk(slots[slot] - 1).id != id) slot = (slot + 1) & mask;
    return slot;
}

void SeenChunks::Shard::grow() {
    slots.assign(slots.empty() ? 64 : slots.size() * 2, 0);
    for (std::size_t number = 0; number < count; ++number)
        slots[slot_of(chunk(number).id)] = static_cast<std::uint32_t>(number + 1);
}

std::optional<ChunkPlace> SeenChunks::find(const ChunkId& id) const {
    const auto& shard = shard_of(id);
    const std::lock_guard lock{shard.mutex};
    if (shard.slots.empty()) return std::nullopt;
    const auto number = shard.slots[shard.slot_of(id)];
    if (number == 0) return std::nullopt;
    return shard.chunk(number - 1).place;
}

void SeenChunks::insert(const PlacedChunk& chunk) {
    auto& shard = shard_of(chunk.id);
    const std::lock_guard lock{shard.mutex};
    if ((shard.count + 1) * 4 > shard.slots.size() * 3) shard.grow();
    const auto slot = shard.slot_of(chunk.id);
    if (shard.slots[slot] != 0) return;
    if (shard.count % chunks_per_block == 0) shard.blocks.push_back(std::make_unique<Block>());
    (*shard.blocks.back())[shard.count % chunks_per_block] = chunk;
    shard.slots[slot] = static_cast<std::uint32_t>(++shard.count);
}

std::size_t SeenChunks::size() const {
    std::size_t total = 0;
    for (const auto& shard : shards_) {
        const std::lock_guard lock{shard.mutex};
        total += shard.count;
    }
    return total;
}

}  // namespace varve

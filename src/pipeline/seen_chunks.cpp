#include "pipeline/seen_chunks.hpp"

#include <algorithm>
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

std::optional<ChunkPlace> SeenChunks::Shard::find(const ChunkId& id) const {
    if (slots.empty()) return std::nullopt;
    const auto number = slots[slot_of(id)];
    if (number == 0) return std::nullopt;
    return chunk(number - 1).place;
}

std::optional<ChunkPlace> SeenChunks::find(const ChunkId& id) const {
    const auto& shard = shard_of(id);
    const std::lock_guard lock{shard.mutex};
    return shard.find(id);
}

std::optional<ChunkPlace> SeenChunks::find_or_claim(const ChunkId& id) {
    auto& shard = shard_of(id);
    std::unique_lock lock{shard.mutex};
    shard.claims_changed.wait(lock, [&] { return std::ranges::find(shard.claimed, id) == shard.claimed.end(); });
    auto place = shard.find(id);
    if (!place) shard.claimed.push_back(id);
    return place;
}

void SeenChunks::insert(const PlacedChunk& chunk) {
    auto& shard = shard_of(chunk.id);
    const std::lock_guard lock{shard.mutex};
    std::erase(shard.claimed, chunk.id);
    shard.claims_changed.notify_all();
    if ((shard.count + 1) * 4 > shard.slots.size() * 3) shard.grow();
    const auto slot = shard.slot_of(chunk.id);
    if (shard.slots[slot] != 0) return;
    if (shard.count % chunks_per_block == 0) shard.blocks.push_back(std::make_unique<Block>());
    (*shard.blocks.back())[shard.count % chunks_per_block] = chunk;
    shard.slots[slot] = static_cast<std::uint32_t>(++shard.count);
}

void SeenChunks::abandon(const ChunkId& id) {
    auto& shard = shard_of(id);
    const std::lock_guard lock{shard.mutex};
    std::erase(shard.claimed, id);
    shard.claims_changed.notify_all();
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

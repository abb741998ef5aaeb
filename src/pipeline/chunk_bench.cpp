#include "pipeline/chunk_bench.hpp"

#include "varve/error.hpp"

namespace varve {

ChunkBench::ChunkBench(std::shared_ptr<ChunkRules> rules) : rules_{std::move(rules)}, hasher_{rules_->id_key} {}

std::optional<ChunkPlace> ChunkBench::find(const ChunkId& id) const {
    if (const auto place = rules_->seen.find(id)) return place;
    if (const auto place = rules_->index.find(id))
        return ChunkPlace{.pack = place->pack, .offset = place->offset, .sealed_length = place->sealed_length};
    return rules_->seen.find_or_claim(id);
}

PlacedChunk ChunkBench::store(ByteView plain) {
    auto& rules = *rules_;
    PlacedChunk chunk{.id = hasher_.id_of(plain), .place = {}};
    if (const auto place = find(chunk.id)) {
        chunk.place = *place;
        rules.chunks_reused.fetch_add(1, std::memory_order_relaxed);
        return chunk;
    }
    try {
        chunk.place = seal(chunk.id, plain);
    } catch (...) {
        rules.seen.abandon(chunk.id);
        throw;
    }
    rules.seen.insert(chunk);
    rules.chunks_new.fetch_add(1, std::memory_order_relaxed);
    ++sealed_;
    return chunk;
}

ChunkPlace ChunkBench::seal(const ChunkId& id, ByteView plain) {
    auto& rules = *rules_;
    const auto codec = encode_block(plain, rules.level, encoded_);
    sealing_ = true;
    if (builder_ && !builder_->fits(encoded_.size())) close();
    if (!builder_) builder_.emplace(rules.next_pack++, rules.sealing, rules.pack_bytes);
    if (!builder_->fits(encoded_.size())) throw Error{Fault::defect, "a chunk does not fit into an empty pack"};
    const auto place = builder_->add(id, codec, static_cast<std::uint32_t>(plain.size()), encoded_);
    sealing_ = false;
    return place;
}

void ChunkBench::close() {
    if (!builder_) return;
    const auto number = builder_->number();
    closed_.push_back({.number = number, .object = builder_->finish()});
    builder_.reset();
}

std::span<std::uint8_t> ChunkBench::buffer(std::size_t size) {
    if (buffer_.size() < size) buffer_.resize(size);
    return std::span{buffer_}.first(size);
}

}  // namespace varve

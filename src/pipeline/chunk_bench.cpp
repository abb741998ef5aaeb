#include "pipeline/chunk_bench.hpp"

#include "varve/error.hpp"

namespace varve {

ChunkBench::ChunkBench(std::shared_ptr<ChunkRules> rules) : rules_{std::move(rules)}, hasher_{rules_->id_key} {}

PlacedChunk ChunkBench::store(ByteView plain) {
    auto& rules = *rules_;
    PlacedChunk chunk{.id = hasher_.id_of(plain), .place = {}};
    if (const auto place = rules.seen.find(chunk.id)) {
        chunk.place = *place;
        rules.chunks_reused.fetch_add(1, std::memory_order_relaxed);
        return chunk;
    }
    if (const auto place = rules.index.find(chunk.id)) {
        chunk.place = {.pack = place->pack, .offset = place->offset, .sealed_length = place->sealed_length};
        rules.chunks_reused.fetch_add(1, std::memory_order_relaxed);
        return chunk;
    }

    const auto codec = encode_block(plain, rules.level, encoded_);
    sealing_ = true;
    if (builder_ && !builder_->fits(encoded_.size())) close();
    if (!builder_) builder_.emplace(rules.next_pack++, rules.sealing, rules.pack_bytes);
    if (!builder_->fits(encoded_.size())) throw Error{Fault::defect, "a chunk does not fit into an empty pack"};
    chunk.place = builder_->add(chunk.id, codec, static_cast<std::uint32_t>(plain.size()), encoded_);
    rules.seen.insert(chunk);
    sealing_ = false;
    rules.chunks_new.fetch_add(1, std::memory_order_relaxed);
    ++sealed_;
    return chunk;
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

#include "pipeline/pack_builder.hpp"

#include "format.pb.h"

namespace varve {

namespace {

/// What sealing adds to a record: codec, length and tag (docs/repository-format.md, section 4).
constexpr std::size_t sealing_bytes = 1 + 4 + 16;

/// The most that PackStructure takes for `records` chunks: two tags with their lengths; per chunk 32 bytes of id and a length
/// below 16 MiB as a varint.
std::size_t structure_bytes_max(std::size_t records) { return 2 * 6 + records * (sizeof(ChunkId) + 4); }

}  // namespace

PackBuilder::PackBuilder(PackNumber number, const SealingContext& sealing, std::size_t bytes_max)
    : number_{number}, bytes_max_{bytes_max}, writer_{ObjectType::pack, sealing, bytes_max} {}

bool PackBuilder::fits(std::size_t encoded_bytes) const noexcept {
    return writer_.finished_size(structure_bytes_max(writer_.records() + 1)) + encoded_bytes + sealing_bytes <= bytes_max_;
}

ChunkPlace PackBuilder::add(const ChunkId& id, std::uint8_t codec, std::uint32_t plain_length, ByteView encoded) {
    const auto record = writer_.add_encoded(codec, plain_length, encoded);
    append(ids_, id);
    return {.pack = number_, .offset = record.offset, .sealed_length = record.sealed_length};
}

SealedObject PackBuilder::finish() {
    format::PackStructure structure;
    const auto& lengths = writer_.sealed_lengths();
    structure.mutable_sealed_lengths()->Add(lengths.begin(), lengths.end());
    structure.set_chunk_ids(ids_.data(), ids_.size());
    return writer_.finish(view_of(structure.SerializeAsString()));
}

}  // namespace varve

/// One open pack: chunks go in until the next would make it too large.
#pragma once

#include "format/envelope.hpp"
#include "pipeline/placed_chunk.hpp"

namespace varve {

/// One thread at a time.
class PackBuilder {
public:
    /// `bytes_max`: of the finished pack, everything included.
    PackBuilder(PackNumber number, const SealingContext& sealing, std::size_t bytes_max);

    PackNumber number() const noexcept { return number_; }
    bool empty() const noexcept { return writer_.records() == 0; }
    /// Whether the pack stays within its limit with one more chunk of `encoded_bytes`.
    bool fits(std::size_t encoded_bytes) const noexcept;
    /// `encoded` as add_encoded() takes it.
    ChunkPlace add(const ChunkId& id, std::uint8_t codec, std::uint32_t plain_length, ByteView encoded);
    /// Once.
    SealedObject finish();

private:
    PackNumber number_;
    std::size_t bytes_max_;
    ObjectWriter writer_;
    Bytes ids_;
};

}  // namespace varve

/// Chunk entries: how a file list refers to content. docs/repository-format.md, section 5.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "varve/bytes.hpp"
#include "varve/check.hpp"

namespace varve {

using ChunkId = Digest;
using PackName = Digest;

struct ChunkEntry {
    ChunkId id{};
    std::array<std::uint8_t, 8> pack{};  ///< first 8 bytes of the pack's name
    std::uint32_t offset = 0;            ///< of the sealed record in the pack
    std::uint32_t sealed_length = 0;
};

inline constexpr std::size_t chunk_entry_bytes = 48;
inline constexpr std::size_t pack_bytes_max = 16u << 20;

void append_chunk_entry(Bytes& into, const ChunkEntry& entry);
/// `bytes` must have 48 bytes.
ChunkEntry parse_chunk_entry(ByteView bytes);

/// For hash maps: digests are uniform already.
struct DigestHash {
    std::size_t operator()(const Digest& digest) const noexcept {
        std::size_t value;
        std::memcpy(&value, digest.data(), sizeof value);
        return value;
    }
};

}  // namespace varve

/// Where one cpu worker turns chunks into sealed records: hash, look up, compress, seal into a pack of its own.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "pipeline/chunk_hasher.hpp"
#include "pipeline/chunk_index.hpp"
#include "pipeline/pack_builder.hpp"
#include "pipeline/seen_chunks.hpp"

namespace varve {

/// What all workers of one backup share. Any thread.
struct ChunkRules {
    const ChunkIndex& index;
    SealingContext sealing;
    Secret id_key;
    int level = 3;
    std::size_t pack_bytes = pack_bytes_max;

    SeenChunks seen;
    std::atomic<PackNumber> next_pack{0};  ///< begins after the index's packs
    std::atomic<std::uint64_t> chunks_new{0}, chunks_reused{0};
};

struct ClosedPack {
    PackNumber number = 0;
    SealedObject object;
};

/// One thread at a time; which one may change from job to job. Buffers and contexts are kept between jobs.
class ChunkBench {
public:
    explicit ChunkBench(std::shared_ptr<ChunkRules> rules);

    /// Where the chunk lies: found, or sealed just now. After an exception the bench may be unfit().
    PlacedChunk store(ByteView plain);
    /// Chunks that store() had to seal so far.
    std::uint64_t sealed() const noexcept { return sealed_; }
    /// Sealing failed half way: the open pack is lost, and with it the backup.
    bool unfit() const noexcept { return sealing_; }
    bool has_open_pack() const noexcept { return builder_.has_value(); }
    /// Ends the open pack, if there is one: it joins closed().
    void close();
    /// The packs that have become full since the last call.
    std::vector<ClosedPack> take_closed() { return std::exchange(closed_, {}); }

    /// For reading into; keeps its size between jobs.
    std::span<std::uint8_t> buffer(std::size_t size);

private:
    /// Nothing: it is ours to store, and everybody else who meets it waits for that.
    std::optional<ChunkPlace> find(const ChunkId& id) const;
    ChunkPlace seal(const ChunkId& id, ByteView plain);

    std::shared_ptr<ChunkRules> rules_;
    ChunkHasher hasher_;
    std::optional<PackBuilder> builder_;
    std::vector<ClosedPack> closed_;
    Bytes encoded_, buffer_;
    std::uint64_t sealed_ = 0;
    bool sealing_ = false;
};

}  // namespace varve

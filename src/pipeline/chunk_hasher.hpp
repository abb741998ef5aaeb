/// HMAC-SHA-256 under one key, many times: the key's state is kept, so a chunk costs its own bytes only.
#pragma once

#include <memory>

#include "format/chunk.hpp"
#include "format/keys.hpp"

namespace varve {

/// One thread at a time.
class ChunkHasher {
public:
    explicit ChunkHasher(const Secret& id_key);
    ChunkHasher(ChunkHasher&&) noexcept;
    ChunkHasher& operator=(ChunkHasher&&) noexcept;
    ~ChunkHasher();

    ChunkId id_of(ByteView plain);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace varve

/// One pack that was fetched and opened: its chunks, each checked against its id.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "format/envelope.hpp"
#include "pipeline/chunk_hasher.hpp"
#include "pipeline/pack_destination.hpp"

namespace varve {

/// Any thread; one chunk at a time.
class OpenedPack {
public:
    /// Checks the structure. Fault::corrupt, naming the pack, when it is not one of ours; Fault::denied when the keys do not open
    /// content.
    OpenedPack(const StoredPack& stored, Bytes bytes, const RepositoryId& repository, const OpeningKeys& keys,
               const Secret& id_key);

    /// "pack 202611d/5f3a…", for messages.
    const std::string& name() const noexcept { return name_; }
    /// The chunk that an entry of the list names. Fault::corrupt when it is not there or not that chunk.
    void read(const ChunkEntry& entry, Bytes& into);
    /// Whether the pack's table has such a chunk; its content is not looked at.
    bool lists(const ChunkEntry& entry) const;
    /// Every chunk of the pack, decrypted and checked. Fault::corrupt.
    void check_all();
    /// The plaintext length of a chunk that the pack lists; read() and check_all() learn it.
    std::uint64_t length_of(const ChunkEntry& entry);

private:
    std::uint32_t records() const noexcept { return reader_.records(); }
    std::span<const std::uint8_t> id(std::uint32_t number) const;
    std::optional<std::uint32_t> find(const ChunkEntry& entry) const;
    void read_record(std::uint32_t number, Bytes& into);

    std::string name_;  ///< for messages
    Bytes bytes_;
    ObjectReader reader_;
    std::string ids_;
    std::vector<std::optional<std::uint64_t>> lengths_;  ///< plaintext, as far as records were read
    std::mutex mutex_;
    ChunkHasher hasher_;
};

/// "pack 5f3a…" in full: what an operator looks for.
std::string name_of(const StoredPack& pack);

}  // namespace varve

/// Which chunks a source already has in packs that this backup may use again: same month, tier not shorter.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "format/chunk.hpp"
#include "pipeline/pack_destination.hpp"

namespace varve {

/// Read by many cpu workers at once; a file of `state_dir`, mapped, sorted by id. A cache: losing it costs a full upload.
class ChunkIndex {
public:
    struct Place {
        std::uint32_t pack = 0;  ///< index into packs()
        std::uint32_t offset = 0;
        std::uint32_t sealed_length = 0;
    };

    /// Empty when `path` does not exist; a damaged file is reported, removed and treated as empty.
    static ChunkIndex open(const std::filesystem::path& path);
    ChunkIndex();
    ChunkIndex(ChunkIndex&&) noexcept;
    ChunkIndex& operator=(ChunkIndex&&) noexcept;
    ~ChunkIndex();

    std::optional<Place> find(const ChunkId& id) const noexcept;
    const std::vector<StoredPack>& packs() const noexcept;
    std::size_t size() const noexcept;

    struct Addition {
        ChunkId id{};
        std::uint32_t pack = 0;  ///< index into the packs given with it
        std::uint32_t offset = 0;
        std::uint32_t sealed_length = 0;
    };
    /// Writes a new file with what is here and what a committed backup added. The old mapping stays valid.
    void save_with(const std::filesystem::path& path, const std::vector<StoredPack>& new_packs,
                   std::vector<Addition> additions) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace varve

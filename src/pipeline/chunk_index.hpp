/// Which chunks a source already has in packs that this backup may use again: same month, tier not shorter.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "format/chunk.hpp"
#include "pipeline/pack_destination.hpp"

namespace varve {

/// Read by many cpu workers at once; a file of `state_dir` for each month, mapped, sorted by id. A cache: losing it costs a full
/// upload.
class ChunkIndex {
public:
    struct Place {
        std::uint32_t pack = 0;  ///< index into packs()
        std::uint32_t offset = 0;
        std::uint32_t sealed_length = 0;
    };

    /// For a backup that may use packs of tier `shortest_tier` (the last letter of their folder, d < w < m) and longer ones: the
    /// others are neither found nor listed, and stay in the file. Packs that `usable` refuses are gone: not found now, and not
    /// saved again. Empty when `path` does not exist; a damaged file is reported, removed and treated as empty. Blocks: it reads
    /// the file.
    static ChunkIndex open(const std::filesystem::path& path, char shortest_tier, const PackRule& usable = {});
    ChunkIndex();
    ChunkIndex(ChunkIndex&&) noexcept;
    ChunkIndex& operator=(ChunkIndex&&) noexcept;
    ~ChunkIndex();

    std::optional<Place> find(const ChunkId& id) const noexcept;
    /// The usable ones.
    const std::vector<StoredPack>& packs() const noexcept;
    /// Chunks in the file, usable or not.
    std::size_t size() const noexcept;

    struct Addition {
        ChunkId id{};
        std::uint32_t pack = 0;  ///< index into the packs given with it
        std::uint32_t offset = 0;
        std::uint32_t sealed_length = 0;
    };
    /// Writes a new file, whole or not at all: all that is here, of every tier, but for packs that were refused, and what a
    /// committed backup added. Of a chunk that is there twice the place in the longer tier stays. The old mapping stays valid.
    /// Blocks.
    void save_with(const std::filesystem::path& path, const std::vector<StoredPack>& new_packs,
                   std::vector<Addition> additions) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace varve

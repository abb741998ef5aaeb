/// The packs of one backup: found by the beginning of their name, fetched and opened, the last few kept at hand.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>

#include "pipeline/opened_pack.hpp"
#include "varve/async.hpp"

namespace varve {

/// io thread.
class PackShelf {
public:
    /// Fault::corrupt when two of `packs` begin with the same eight bytes.
    PackShelf(Pools& pools, PackOrigin& origin, RepositoryId repository, OpeningKeys keys, Secret id_key,
              std::vector<StoredPack> packs);

    const std::vector<StoredPack>& packs() const noexcept { return packs_; }
    /// Which pack an entry means. Fault::corrupt when the backup does not list it. Any thread.
    std::uint32_t number_of(const ChunkEntry& entry) const;

    /// Fetches and opens; Fault::corrupt and Fault::missing name the pack.
    Task<std::shared_ptr<OpenedPack>> fetch(std::uint32_t number);
    /// As fetch(), unless it is at hand: for readers that come back to the same pack.
    Task<std::shared_ptr<OpenedPack>> at_hand(std::uint32_t number);

private:
    struct Kept {
        std::uint32_t number;
        std::shared_ptr<OpenedPack> pack;
    };
    static constexpr std::size_t kept_max = 3;

    Pools& pools_;
    PackOrigin& origin_;
    RepositoryId repository_;
    OpeningKeys keys_;
    Secret id_key_;
    std::vector<StoredPack> packs_;
    std::unordered_map<std::uint64_t, std::uint32_t> number_by_begin_;
    std::deque<Kept> kept_;  ///< the last used first
};

}  // namespace varve

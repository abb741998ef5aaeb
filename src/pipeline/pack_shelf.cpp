#include "pipeline/pack_shelf.hpp"

#include <algorithm>
#include <cstring>

#include "varve/error.hpp"

namespace varve {

namespace {

std::uint64_t begin_of(const std::uint8_t* name) {
    std::uint64_t begin;
    std::memcpy(&begin, name, sizeof begin);
    return begin;
}

}  // namespace

PackShelf::PackShelf(Pools& pools, PackOrigin& origin, RepositoryId repository, OpeningKeys keys, Secret id_key,
                     std::vector<StoredPack> packs)
    : pools_{pools},
      origin_{origin},
      repository_{repository},
      keys_{std::move(keys)},
      id_key_{std::move(id_key)},
      packs_{std::move(packs)} {
    for (std::uint32_t number = 0; number < packs_.size(); ++number) {
        if (!number_by_begin_.emplace(begin_of(packs_[number].name.data()), number).second)
            throw Error{Fault::corrupt, "the backup lists " + name_of(packs_[number]) + " twice"};
    }
}

std::uint32_t PackShelf::number_of(const ChunkEntry& entry) const {
    const auto found = number_by_begin_.find(begin_of(entry.pack.data()));
    if (found == number_by_begin_.end())
        throw Error{Fault::corrupt, "a chunk lies in pack " + to_hex(entry.pack) + "…, which the backup does not list"};
    return found->second;
}

Task<std::shared_ptr<OpenedPack>> PackShelf::fetch(std::uint32_t number) {
    const auto stored = packs_.at(number);
    Bytes bytes;
    try {
        bytes = co_await origin_.get_pack(stored);
    } catch (Error& error) {
        error.during(name_of(stored));
        throw;
    }
    auto open = [stored, repository = repository_, keys = keys_, id_key = id_key_, held = std::move(bytes)]() mutable {
        return std::make_shared<OpenedPack>(stored, std::move(held), repository, keys, id_key);
    };
    co_return co_await on_pool(pools_.cpu, std::move(open));
}

Task<std::shared_ptr<OpenedPack>> PackShelf::at_hand(std::uint32_t number) {
    const auto find = [&] { return std::ranges::find(kept_, number, &Kept::number); };
    if (const auto found = find(); found != kept_.end()) {
        auto kept = std::move(*found);
        kept_.erase(found);
        kept_.push_front(kept);
        co_return kept.pack;
    }
    auto pack = co_await fetch(number);
    if (find() == kept_.end()) kept_.push_front({number, pack});
    if (kept_.size() > kept_max) kept_.pop_back();
    co_return pack;
}

}  // namespace varve

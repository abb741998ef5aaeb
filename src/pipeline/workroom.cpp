#include "pipeline/workroom.hpp"

#include <algorithm>

#include "varve/error.hpp"

namespace varve {

namespace {

std::uint64_t pack_share(const WorkroomLimits& limits) { return limits.memory_max / 3 * 2; }

/// How many packs `stores` bytes can fill at most, besides the one that is open. Sealing adds a little to what does not shrink.
std::size_t fills(std::uint64_t stores, std::size_t pack_bytes) {
    const auto sealed = stores + stores / 50;
    return sealed <= pack_bytes ? 1 : 1 + sealed / (pack_bytes / 2 + 1);
}

unsigned jobs_for(const WorkroomLimits& limits, std::size_t pack_bytes) {
    const auto each = (1 + fills(Workroom::job_bytes_max, pack_bytes)) * pack_bytes;
    return static_cast<unsigned>(std::clamp<std::uint64_t>(pack_share(limits) / each, 1, limits.workers + 1));
}

}  // namespace

Workroom::Workroom(asio::any_io_executor executor, Pools& pools, PackDestination& destination, std::shared_ptr<ChunkRules> rules,
                   WorkroomLimits limits, TaskGroup& group)
    : pools_{pools},
      destination_{destination},
      rules_{std::move(rules)},
      group_{group},
      jobs_max_{jobs_for(limits, rules_->pack_bytes)},
      slots_{executor, jobs_max_},
      input_room_{executor, limits.memory_max - pack_share(limits)},
      // Never less than one job needs, or it would wait for itself.
      pack_room_{executor, std::max<std::uint64_t>(pack_share(limits),
                                                   (1 + fills(job_bytes_max, rules_->pack_bytes)) * rules_->pack_bytes)} {}

std::size_t Workroom::packs_held(std::uint64_t stores) const { return 1 + fills(stores, rules_->pack_bytes); }

std::unique_ptr<Workroom::Place> Workroom::take_place() {
    if (free_.empty()) return std::make_unique<Place>(std::make_shared<ChunkBench>(rules_), std::vector<Budget::Share>{});
    auto place = std::move(free_.back());
    free_.pop_back();
    return place;
}

/// Sends full packs away with the room they need and keeps room for the open one. Also when the job failed or was stopped:
/// other entries may rely on chunks in these packs.
void Workroom::give_back(std::unique_ptr<Place> place) {
    for (auto& pack : place->bench->take_closed()) {
        auto room = std::move(place->room.back());
        place->room.pop_back();
        group_.spawn(put(std::move(pack), std::move(room)));
    }
    if (place->bench->unfit()) return;
    place->room.resize(std::min<std::size_t>(place->room.size(), place->bench->has_open_pack() ? 1 : 0));
    free_.push_back(std::move(place));
}

Task<> Workroom::work(std::uint64_t stores, ChunkJob job) {
    const auto slot = co_await slots_.take(1);
    struct Checkout {
        Workroom& room;
        std::unique_ptr<Place> place;
        ~Checkout() { room.give_back(std::move(place)); }
    } const checkout{*this, take_place()};
    auto& room = checkout.place->room;
    while (room.size() < packs_held(stores)) room.push_back(co_await pack_room_.take(rules_->pack_bytes));
    co_await on_pool(pools_.cpu, [bench = checkout.place->bench, job = std::move(job)] { job(*bench); });
}

Task<> Workroom::put(ClosedPack pack, Budget::Share room) {
    const auto held = std::move(room);
    const StoredPack stored{.name = pack.object.name, .size = pack.object.bytes.size(), .folder = destination_.folder()};
    co_await destination_.put_pack(std::move(pack.object));
    const auto position = pack.number - rules_->index.packs().size();
    if (new_packs_.size() <= position) new_packs_.resize(position + 1);
    new_packs_[position] = stored;
    bytes_stored_ += stored.size;
}

Task<> Workroom::close_packs() {
    const auto open = free_.size();
    for (std::size_t i = 0; i < open; ++i) {
        co_await on_pool(pools_.cpu, [bench = free_[i]->bench] { bench->close(); });
    }
    for (auto& place : std::exchange(free_, {})) give_back(std::move(place));
}

const std::vector<StoredPack>& Workroom::new_packs() const {
    const auto begun = rules_->next_pack.load() - rules_->index.packs().size();
    const auto absent = [](const StoredPack& pack) { return pack.size == 0; };
    if (new_packs_.size() != begun || std::ranges::any_of(new_packs_, absent))
        throw Error{Fault::defect, "a pack of this backup was begun and not stored"};
    return new_packs_;
}

}  // namespace varve

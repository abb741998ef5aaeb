// Recall::check_all: every chunk of every pack, and every chunk the list names.
#include <algorithm>

#include "pipeline/recall_state.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

struct Checking {
    std::shared_ptr<const RecallList> list;
    std::size_t gathered = 0;  ///< entries of the list
    std::vector<WantedChunk> wanted;
    std::vector<std::uint8_t> visited;  ///< packs whose chunks were all checked
    std::vector<std::string> damaged;
};

/// The chunks of the next entries, as many as are gathered at once; an entry's number in the list is its file. cpu pool.
void gather(Checking& checking, const PackShelf& shelf) {
    checking.wanted.clear();
    while (checking.gathered < checking.list->size() && checking.wanted.size() < wanted_at_once) {
        const auto ordinal = checking.gathered++;
        try {
            append_wanted(checking.wanted, checking.list->message(ordinal), static_cast<std::uint32_t>(ordinal), shelf);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            checking.damaged.push_back(error.sentence());
        }
    }
}

/// Chunks that are not as the list says, told by their number and the first file.
class Mismatch {
public:
    void add(const WantedChunk& chunk) {
        if (count_++ == 0) file_ = chunk.file;
    }
    void tell(std::vector<std::string>& damaged, const std::string& pack, const char* what, const RecallList* list) const {
        if (count_ > 0) damaged.push_back(pack + ": " + std::to_string(count_) + what + list->message(file_).path());
    }

private:
    std::size_t count_ = 0;
    std::uint32_t file_ = 0;
};

/// cpu pool. Gives sentences.
std::vector<std::string> check_pack(OpenedPack& pack, std::span<const WantedChunk> wanted, const RecallList* list,
                                    bool every_chunk) {
    std::vector<std::string> damaged;
    try {
        if (every_chunk) pack.check_all();
        for (const auto& chunk : wanted)
            if (!every_chunk && pack.lists(chunk.entry)) pack.length_of(chunk.entry);
    } catch (const Error& error) {
        if (!is_damage(error)) throw;
        damaged.push_back(error.sentence());
    }
    Mismatch absent, longer;
    for (const auto& chunk : wanted) {
        if (!pack.lists(chunk.entry))
            absent.add(chunk);
        else if (damaged.empty() && pack.length_of(chunk.entry) != chunk.length)
            longer.add(chunk);
    }
    absent.tell(damaged, pack.name(), " chunks that the list names are not in it, first of ", list);
    longer.tell(damaged, pack.name(), " chunks have another length than the list says, first of ", list);
    return damaged;
}

/// io thread.
Task<> visit(Recall::State& state, std::shared_ptr<Checking> checking, std::uint32_t number,
             std::span<const WantedChunk> wanted) {
    const bool every_chunk = std::exchange(checking->visited[number], 1) == 0;
    std::vector<std::string> damaged;
    std::shared_ptr<OpenedPack> pack;
    try {
        pack = co_await state.shelf.fetch(number);
    } catch (const Error& error) {
        if (!is_damage(error)) throw;
        damaged.push_back(error.sentence());
    }
    ++state.progress.packs_read;
    if (pack) {
        auto check = [pack, wanted, checking, every_chunk] {
            return check_pack(*pack, wanted, checking->list.get(), every_chunk);
        };
        damaged = co_await on_pool(state.pools.cpu, std::move(check));
    } else if (!every_chunk) {
        damaged.clear();  // said when it was visited first
    }
    checking->damaged.insert(checking->damaged.end(), damaged.begin(), damaged.end());
}

struct PackVisit {
    std::uint32_t pack;
    std::span<const WantedChunk> wanted;
};

}  // namespace

Task<std::vector<std::string>> Recall::check_all() {
    const auto state = state_;
    const auto checking = std::make_shared<Checking>();
    checking->visited.assign(state->shelf.packs().size(), 0);
    try {
        checking->list = co_await state->list();
    } catch (const Error& error) {
        if (!is_damage(error)) throw;
        checking->damaged.push_back(error.sentence());
    }
    const auto make = [&](PackVisit each) { return visit(*state, checking, each.pack, each.wanted); };

    while (checking->list && checking->gathered < checking->list->size()) {
        co_await on_pool(state->pools.cpu, [checking, &shelf = state->shelf] { gather(*checking, shelf); });
        const auto groups = co_await on_pool(state->pools.cpu, [checking] { return by_pack(checking->wanted); });
        std::vector<PackVisit> visits;
        for (const auto& group : groups) visits.push_back({.pack = group.front().pack, .wanted = group});
        co_await for_each_limited(state->packs_at_once(), visits, make);
    }

    std::vector<PackVisit> rest;  // packs that hold the list, or chunks that nothing needs any more
    for (std::uint32_t number = 0; number < checking->visited.size(); ++number) {
        if (checking->visited[number] == 0) rest.push_back({.pack = number, .wanted = {}});
    }
    co_await for_each_limited(state->packs_at_once(), rest, make);
    std::ranges::sort(checking->damaged);
    co_return checking->damaged;
}

}  // namespace varve

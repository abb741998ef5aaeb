#include "pipeline/chunk_index.hpp"

#include <algorithm>

#include "pipeline/chunk_index_file.hpp"
#include "pipeline/mapped_file.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

using chunk_index_file::Record;

struct ChunkIndex::State {
    MappedFile file;
    std::vector<StoredPack> all_packs;     ///< as records number them
    std::vector<std::uint32_t> usable_as;  ///< number in `packs` of each of all_packs, or not_now, or gone
    std::vector<StoredPack> packs;
    std::span<const Record> records;      ///< in `file`, sorted by id
    std::vector<std::uint32_t> first_of;  ///< by the first 16 bits of an id: the first record at or after it; 65537 of them

    void load(MappedFile mapped, char shortest_tier, const PackRule& usable);
};

namespace {

constexpr auto not_now = UINT32_MAX;   // of a shorter tier: another backup may use it
constexpr auto gone = UINT32_MAX - 1;  // refused

/// d < w < m.
int rank_of(char tier) { return tier == 'm' ? 2 : tier == 'w' ? 1 : 0; }
int rank_of(const StoredPack& pack) { return pack.folder.empty() ? 0 : rank_of(pack.folder.back()); }

std::size_t leading_bits(const ChunkId& id) { return static_cast<std::size_t>(id[0]) << 8 | id[1]; }

}  // namespace

void ChunkIndex::State::load(MappedFile mapped, char shortest_tier, const PackRule& usable) {
    file = std::move(mapped);
    const auto parts = chunk_index_file::parse(file.bytes());
    all_packs = parts.packs;
    records = parts.records;
    for (const auto& pack : all_packs) {
        const bool refused = usable && !usable(pack);
        const bool found = !refused && rank_of(pack) >= rank_of(shortest_tier);
        usable_as.push_back(found ? static_cast<std::uint32_t>(packs.size()) : refused ? gone : not_now);
        if (found) packs.push_back(pack);
    }
    if (records.empty()) return;
    first_of.resize(65537);
    std::size_t bucket = 0;
    for (std::uint32_t i = 0; i < records.size(); ++i) {
        for (; bucket <= leading_bits(records[i].id); ++bucket) first_of[bucket] = i;
    }
    for (; bucket < first_of.size(); ++bucket) first_of[bucket] = static_cast<std::uint32_t>(records.size());
}

ChunkIndex::ChunkIndex() : state_{std::make_unique<State>()} {}
ChunkIndex::ChunkIndex(ChunkIndex&&) noexcept = default;
ChunkIndex& ChunkIndex::operator=(ChunkIndex&&) noexcept = default;
ChunkIndex::~ChunkIndex() = default;

ChunkIndex ChunkIndex::open(const std::filesystem::path& path, char shortest_tier, const PackRule& usable) {
    ChunkIndex index;
    try {
        index.state_->load(MappedFile::open(path), shortest_tier, usable);
        return index;
    } catch (const Error& error) {
        if (error.fault() == Fault::missing) return {};
        if (error.fault() != Fault::corrupt) throw;
        log_failure(LogLevel::warning, "", Error{error}.during("reading the chunk index " + path.string()));
    }
    std::filesystem::remove(path);
    return {};
}

std::optional<ChunkIndex::Place> ChunkIndex::find(const ChunkId& id) const noexcept {
    const auto& state = *state_;
    if (state.records.empty()) return std::nullopt;
    const auto bucket = leading_bits(id);
    const auto* begin = state.records.data() + state.first_of[bucket];
    const auto* end = state.records.data() + state.first_of[bucket + 1];
    const auto* found =
        std::lower_bound(begin, end, id, [](const Record& record, const ChunkId& key) { return record.id < key; });
    if (found == end || found->id != id) return std::nullopt;
    const auto pack = state.usable_as[found->pack];
    if (pack == not_now || pack == gone) return std::nullopt;
    return Place{.pack = pack, .offset = found->offset, .sealed_length = found->sealed_length};
}

const std::vector<StoredPack>& ChunkIndex::packs() const noexcept { return state_->packs; }
std::size_t ChunkIndex::size() const noexcept { return state_->records.size(); }

void ChunkIndex::save_with(const std::filesystem::path& path, const std::vector<StoredPack>& new_packs,
                           std::vector<Addition> additions) const {
    std::vector<StoredPack> packs;
    std::vector<std::uint32_t> number_of;  // in the new file, of each of all_packs
    for (std::size_t i = 0; i < state_->all_packs.size(); ++i) {
        const bool kept = state_->usable_as[i] != gone;
        number_of.push_back(kept ? static_cast<std::uint32_t>(packs.size()) : gone);
        if (kept) packs.push_back(state_->all_packs[i]);
    }
    const auto first_new = static_cast<std::uint32_t>(packs.size());
    packs.insert(packs.end(), new_packs.begin(), new_packs.end());
    std::ranges::sort(additions, {}, &Addition::id);

    chunk_index_file::Writer writer{path, packs};
    const Record* old = state_->records.data();
    const Record* const old_end = old + state_->records.size();
    auto find_old = [&](const Record& record) -> std::optional<Record> {
        auto kept = record;
        kept.pack = number_of[record.pack];
        return kept.pack == gone ? std::nullopt : std::optional{kept};
    };
    auto add_old = [&](const Record& record) {
        if (const auto kept = find_old(record)) writer.add(*kept);
    };
    const ChunkId* written = nullptr;
    for (const auto& addition : additions) {
        if (written != nullptr && *written == addition.id) continue;
        written = &addition.id;
        for (; old != old_end && old->id < addition.id; ++old) add_old(*old);
        Record record{.id = addition.id,
                      .pack = addition.pack + first_new,
                      .offset = addition.offset,
                      .sealed_length = addition.sealed_length};
        if (old != old_end && old->id == addition.id) {
            const auto kept = find_old(*old++);
            if (kept && rank_of(packs[kept->pack]) > rank_of(packs[record.pack])) record = *kept;
        }
        writer.add(record);
    }
    for (; old != old_end; ++old) add_old(*old);
    writer.finish();
}

}  // namespace varve

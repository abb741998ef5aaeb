#include "pipeline/chunk_index.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "pipeline/chunk_index_file.hpp"
#include "pipeline/mapped_file.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

using chunk_index_file::Record;

struct ChunkIndex::State {
    MappedFile file;
    std::vector<StoredPack> all_packs;     ///< as records number them
    std::vector<std::uint32_t> usable_as;  ///< number in `packs` of each of all_packs, or not_usable
    std::vector<StoredPack> packs;
    std::span<const Record> records;      ///< in `file`, sorted by id
    std::vector<std::uint32_t> first_of;  ///< by the first 16 bits of an id: the first record at or after it; 65537 of them
    std::multimap<std::array<std::uint8_t, 8>, std::uint32_t> pack_by_begin;

    void load(MappedFile mapped, char shortest_tier);
};

namespace {

constexpr auto not_usable = UINT32_MAX;

/// d < w < m.
int rank_of(char tier) { return tier == 'm' ? 2 : tier == 'w' ? 1 : 0; }
int rank_of(const StoredPack& pack) { return pack.folder.empty() ? 0 : rank_of(pack.folder.back()); }

std::size_t leading_bits(const ChunkId& id) { return static_cast<std::size_t>(id[0]) << 8 | id[1]; }

std::array<std::uint8_t, 8> begin_of(const PackName& name) {
    std::array<std::uint8_t, 8> begin;
    std::memcpy(begin.data(), name.data(), begin.size());
    return begin;
}

}  // namespace

void ChunkIndex::State::load(MappedFile mapped, char shortest_tier) {
    file = std::move(mapped);
    const auto parts = chunk_index_file::parse(file.bytes());
    all_packs = parts.packs;
    records = parts.records;
    for (const auto& pack : all_packs) {
        const bool usable = rank_of(pack) >= rank_of(shortest_tier);
        usable_as.push_back(usable ? static_cast<std::uint32_t>(packs.size()) : not_usable);
        if (!usable) continue;
        pack_by_begin.emplace(begin_of(pack.name), usable_as.back());
        packs.push_back(pack);
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

ChunkIndex ChunkIndex::open(const std::filesystem::path& path, char shortest_tier) {
    ChunkIndex index;
    try {
        index.state_->load(MappedFile::open(path), shortest_tier);
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
    if (found == end || found->id != id || state.usable_as[found->pack] == not_usable) return std::nullopt;
    return Place{.pack = state.usable_as[found->pack], .offset = found->offset, .sealed_length = found->sealed_length};
}

std::optional<std::uint32_t> ChunkIndex::find_pack(const std::array<std::uint8_t, 8>& name_begin) const noexcept {
    const auto [begin, end] = state_->pack_by_begin.equal_range(name_begin);
    if (begin == end || std::next(begin) != end) return std::nullopt;
    return begin->second;
}

const std::vector<StoredPack>& ChunkIndex::packs() const noexcept { return state_->packs; }
std::size_t ChunkIndex::size() const noexcept { return state_->records.size(); }

void ChunkIndex::save_with(const std::filesystem::path& path, const std::vector<StoredPack>& new_packs,
                           std::vector<Addition> additions) const {
    auto packs = state_->all_packs;
    const auto first_new = static_cast<std::uint32_t>(packs.size());
    packs.insert(packs.end(), new_packs.begin(), new_packs.end());
    std::ranges::sort(additions, {}, &Addition::id);

    chunk_index_file::Writer writer{path, packs};
    const Record* old = state_->records.data();
    const Record* const old_end = old + state_->records.size();
    const ChunkId* written = nullptr;
    for (const auto& addition : additions) {
        if (written != nullptr && *written == addition.id) continue;
        written = &addition.id;
        for (; old != old_end && old->id < addition.id; ++old) writer.add(*old);
        Record record{.id = addition.id,
                      .pack = addition.pack + first_new,
                      .offset = addition.offset,
                      .sealed_length = addition.sealed_length};
        if (old != old_end && old->id == addition.id) {
            if (rank_of(packs[old->pack]) > rank_of(packs[record.pack])) record = *old;
            ++old;
        }
        writer.add(record);
    }
    for (; old != old_end; ++old) writer.add(*old);
    writer.finish();
}

}  // namespace varve

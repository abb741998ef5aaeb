#include "pipeline/list_storing.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "format/keys.hpp"

namespace varve {

namespace {

constexpr std::size_t piece_bytes = 4u << 20;

std::filesystem::path new_list_path(const std::filesystem::path& folder) {
    std::array<std::uint8_t, 8> salt{};
    random_bytes(salt);
    return folder / ("file-list-" + to_hex(salt));
}

ListStoring::Next in_pieces(std::string text) {
    const auto whole = std::make_shared<const std::string>(std::move(text));
    return [whole, at = std::make_shared<std::size_t>(0)](Bytes& into, std::size_t bytes_max) {
        const auto piece = view_of(*whole).subspan(*at, std::min(bytes_max, whole->size() - *at));
        append(into, piece);
        *at += piece.size();
        return *at < whole->size();
    };
}

}  // namespace

ScratchFile::~ScratchFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

Task<> ListStoring::close_packs() {
    co_await group.join();
    co_await room->close_packs();
    co_await group.join();
}

std::vector<StoredPack> ListStoring::packs_by_number() const {
    auto packs = index.packs();
    const auto& added = room->new_packs();
    packs.insert(packs.end(), added.begin(), added.end());
    return packs;
}

Task<Content> ListStoring::store_content(Next next) {
    const auto parts = stream(co_await asio::this_coro::executor);
    const auto more = std::make_shared<bool>(true);
    while (*more) co_await parts->feed(piece_bytes, [next, more](Bytes& into) { *more = next(into, piece_bytes); }, false);
    co_await parts->feed(0, [](Bytes&) {}, true);
    auto content = co_await parts->finish();
    co_await close_packs();
    co_return content;
}

Bytes ListStoring::locate(const Content& content, std::vector<std::uint8_t>& used) const {
    PackNames names{packs_by_number()};
    Bytes entries;
    for (const auto& chunk : content.chunks) names.append_entry(entries, chunk);
    names.mark_used(used);
    return entries;
}

Task<ScratchFile> ListStoring::store(MappedFile entries, std::filesystem::path folder, IngestResult& result) {
    ScratchFile file{new_list_path(folder)};
    auto spill = std::make_shared<MappedFile>(std::move(entries));
    auto begin = [spill, path = file.path(), packs = packs_by_number()] {
        return std::make_shared<ListWriter>(std::move(*spill), PackNames{packs}, path);
    };
    const auto writer = co_await on_pool(pools.cpu, std::move(begin));
    auto content = co_await store_content([writer](Bytes& into, std::size_t bytes_max) { return writer->next(into, bytes_max); });
    result.list_file.digest = writer->digest();
    std::vector<std::uint8_t> used(index.packs().size(), 0);
    writer->names().mark_used(used);
    auto located = locate(content, used);
    result.list.set_list_levels(1);
    result.list.set_list_bytes(content.bytes);

    if (located.size() > entries_bytes_max) {
        format::ListIndex list_index;
        list_index.set_chunks(located.data(), located.size());
        list_index.mutable_lengths()->Add(content.lengths.begin(), content.lengths.end());
        content = co_await store_content(in_pieces(list_index.SerializeAsString()));
        located = locate(content, used);
        result.list.set_list_levels(2);
    }
    result.list.set_list_chunks(located.data(), located.size());
    result.list.mutable_list_lengths()->Add(content.lengths.begin(), content.lengths.end());

    for (std::size_t number = 0; number < used.size(); ++number) {
        if (used[number] != 0) result.packs.push_back(index.packs()[number]);
    }
    result.new_packs = room->new_packs();
    result.packs.insert(result.packs.end(), result.new_packs.begin(), result.new_packs.end());
    co_return file;
}

}  // namespace varve

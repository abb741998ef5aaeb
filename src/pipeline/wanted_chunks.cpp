#include "pipeline/wanted_chunks.hpp"

#include <algorithm>
#include <tuple>

#include "pipeline/file_list.hpp"

namespace varve {

void append_wanted(std::vector<WantedChunk>& into, const format::FileEntry& entry, std::uint32_t file, const PackShelf& shelf) {
    const ChunkLengths lengths{entry};
    const auto chunks = view_of(entry.chunks());
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < lengths.count(); ++i) {
        const auto chunk = parse_chunk_entry(chunks.subspan(i * chunk_entry_bytes, chunk_entry_bytes));
        const auto length = lengths.at(i);
        into.push_back({.entry = chunk, .pack = shelf.number_of(chunk), .length = length, .file = file, .at = at});
        at += length;
    }
}

std::vector<std::span<const WantedChunk>> by_pack(std::vector<WantedChunk>& wanted) {
    std::ranges::sort(wanted, {},
                      [](const WantedChunk& chunk) { return std::tuple{chunk.pack, chunk.entry.offset, chunk.file, chunk.at}; });
    std::vector<std::span<const WantedChunk>> groups;
    for (auto begin = wanted.begin(); begin != wanted.end();) {
        const auto end =
            std::find_if(begin, wanted.end(), [pack = begin->pack](const auto& chunk) { return chunk.pack != pack; });
        groups.emplace_back(begin, end);
        begin = end;
    }
    return groups;
}

}  // namespace varve

#include "pipeline/previous_list.hpp"

#include <algorithm>
#include <functional>

#include "pipeline/file_list.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// File systems keep times in steps as coarse as two seconds: what changed that shortly before could have changed once more.
constexpr std::chrono::seconds time_step_max{2};

std::uint64_t hash_of(std::string_view path) { return std::hash<std::string_view>{}(path); }

bool is_unchanged(const format::FileEntry& then, const Entry& now, Instant began) {
    const auto settled = std::chrono::nanoseconds{(began - time_step_max).time_since_epoch()}.count();
    return then.kind() == static_cast<std::uint32_t>(EntryKind::file) && now.kind == EntryKind::file && now.inode != 0 &&
           now.ctime_ns != 0 && then.device() == now.device && then.inode() == now.inode && then.size() == now.size &&
           then.mtime_ns() == now.mtime_ns && then.ctime_ns() == now.ctime_ns && now.mtime_ns <= settled &&
           now.ctime_ns <= settled;
}

std::optional<std::vector<PlacedChunk>> chunks_in(const format::FileEntry& entry, const ChunkIndex& index) {
    std::vector<PlacedChunk> chunks;
    chunks.reserve(entry.chunks().size() / chunk_entry_bytes);
    const auto bytes = view_of(entry.chunks());
    for (std::size_t at = 0; at < bytes.size(); at += chunk_entry_bytes) {
        const auto id = parse_chunk_entry(bytes.subspan(at, chunk_entry_bytes)).id;
        const auto place = index.find(id);
        if (!place) return std::nullopt;
        chunks.push_back(
            {.id = id, .place = {.pack = place->pack, .offset = place->offset, .sealed_length = place->sealed_length}});
    }
    return chunks;
}

}  // namespace

PreviousList PreviousList::open(const KeptList& kept) {
    try {
        PreviousList list;
        list.file_ = MappedFile::open(kept.path);
        if (sha256(list.file_.bytes()) != kept.digest) throw Error{Fault::corrupt, "it is not what was written"};
        FileListReader reader{list.file_.bytes()};
        for (auto at = reader.position(); const auto message = reader.next(); at = reader.position()) {
            if (const auto entry_path = find_path(*message))
                list.places_.push_back({.path_hash = hash_of(*entry_path), .offset = at});
        }
        std::ranges::sort(list.places_, {}, &Place::path_hash);
        list.let_go();
        return list;
    } catch (const Error& error) {
        if (error.fault() != Fault::missing)
            log_failure(LogLevel::warning, "", Error{error}.during("reading the last file list " + kept.path.string()));
        return {};
    }
}

std::optional<Content> PreviousList::find(const Entry& entry, Instant began, const ChunkIndex& index) const {
    const auto [first, last] = std::ranges::equal_range(places_, hash_of(entry.path), {}, &Place::path_hash);
    for (auto place = first; place != last; ++place) {
        const auto message = FileListReader{file_.bytes(), place->offset}.next();
        if (!message || find_path(*message) != entry.path) continue;
        const auto then = parse_file_entry(*message);
        if (!is_unchanged(then, entry, began)) return std::nullopt;
        const ChunkLengths lengths{then};  // throws when they do not make up the size
        auto chunks = chunks_in(then, index);
        if (!chunks) return std::nullopt;
        return Content{.chunks = std::move(*chunks),
                       .lengths = {then.chunk_lengths().begin(), then.chunk_lengths().end()},
                       .fixed = then.chunk_bytes(),
                       .bytes = then.size(),
                       .sealed = 0};
    }
    return std::nullopt;
}

}  // namespace varve

#include "pipeline/recall_list.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ranges>

#include "pipeline/file_list.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

std::shared_ptr<Descriptor> open_scratch(const std::filesystem::path& scratch) {
    auto pattern = ((scratch.empty() ? std::filesystem::temp_directory_path() : scratch) / "varve-recall-XXXXXX").string();
    auto file = std::make_shared<Descriptor>(::mkostemp(pattern.data(), O_CLOEXEC));
    if (!*file) throw system_error(errno, "mkostemp", pattern);
    if (::unlink(pattern.c_str()) != 0) throw system_error(errno, "unlink", pattern);
    return file;
}

/// Chunk entries as a manifest or a ListIndex has them.
struct ListChunks {
    std::vector<ChunkEntry> entries;
    std::vector<std::uint32_t> lengths;
};

template <class Lengths>
ListChunks parse_chunks(const std::string& chunks, const Lengths& lengths) {
    if (chunks.size() != static_cast<std::size_t>(lengths.size()) * chunk_entry_bytes)
        throw Error{Fault::corrupt, "the file list's chunks and their lengths do not match"};
    ListChunks parsed{.entries = {}, .lengths = {lengths.begin(), lengths.end()}};
    for (std::size_t at = 0; at < chunks.size(); at += chunk_entry_bytes)
        parsed.entries.push_back(parse_chunk_entry(view_of(chunks).subspan(at, chunk_entry_bytes)));
    return parsed;
}

/// Hands the plaintext of each chunk in order to `take`, on the cpu pool.
Task<> each_chunk(Pools& pools, PackShelf& shelf, const ListChunks& chunks, std::function<void(const Bytes&)> take) {
    for (std::size_t i = 0; i < chunks.entries.size(); ++i) {
        const auto entry = chunks.entries[i];
        const auto length = chunks.lengths[i];
        const auto pack = co_await shelf.at_hand(shelf.number_of(entry));
        co_await on_pool(pools.cpu, [pack, entry, length, take] {
            Bytes plain;
            pack->read(entry, plain);
            if (plain.size() != length) throw Error{Fault::corrupt, "a chunk of the file list has another length than it says"};
            take(plain);
        });
    }
}

Task<ListChunks> list_chunks(Pools& pools, PackShelf& shelf, const format::ManifestContent& content) {
    auto chunks = parse_chunks(content.list_chunks(), content.list_lengths());
    if (content.list_levels() == 1) co_return chunks;
    if (content.list_levels() != 2) throw Error{Fault::corrupt, "the manifest's file list has an unknown number of levels"};
    const auto text = std::make_shared<Bytes>();
    co_await each_chunk(pools, shelf, chunks, [text](const Bytes& plain) { append(*text, plain); });
    format::ListIndex index;
    if (!index.ParseFromArray(text->data(), static_cast<int>(text->size())))
        throw Error{Fault::corrupt, "the index of the file list cannot be read"};
    co_return parse_chunks(index.chunks(), index.lengths());
}

}  // namespace

RecallList::RecallList(MappedFile file) : file_{std::move(file)} {
    FileListReader reader{file_.bytes()};
    for (auto at = reader.position(); reader.next(); at = reader.position()) offsets_.push_back(at);
    file_.let_go();
}

Task<std::shared_ptr<const RecallList>> RecallList::load(Pools& pools, PackShelf& shelf, format::ManifestContent content,
                                                         std::filesystem::path scratch) {
    const auto chunks = co_await list_chunks(pools, shelf, content);
    const auto file = co_await on_pool(pools.blocking, [scratch] { return open_scratch(scratch); });
    const auto length = std::make_shared<std::uint64_t>(0);
    auto take = [file, scratch, length](const Bytes& plain) {
        write_all(file->get(), plain, scratch);
        *length += plain.size();
    };
    co_await each_chunk(pools, shelf, chunks, std::move(take));
    if (*length != content.list_bytes()) throw Error{Fault::corrupt, "the file list has another length than the manifest says"};
    auto open = [file, scratch] { return std::shared_ptr<const RecallList>{new RecallList{MappedFile::of(*file, scratch)}}; };
    co_return co_await on_pool(pools.cpu, std::move(open));
}

ByteView RecallList::encoded(std::size_t ordinal) const { return *FileListReader{file_.bytes(), offsets_.at(ordinal)}.next(); }

format::FileEntry RecallList::message(std::size_t ordinal) const { return parse_file_entry(encoded(ordinal)); }

Entry RecallList::entry(std::size_t ordinal) const {
    auto entry = from_format(message(ordinal));
    entry.ordinal = ordinal;
    return entry;
}

std::string RecallList::path(std::size_t ordinal) const {
    if (const auto path = find_path(encoded(ordinal))) return std::string{*path};
    return message(ordinal).path();
}

std::size_t RecallList::first_from(std::string_view wanted) const {
    const auto is_before = [&](std::size_t ordinal) { return path(ordinal) < wanted; };
    return *std::ranges::partition_point(std::views::iota(std::size_t{0}, size()), is_before);
}

std::optional<std::size_t> RecallList::find(std::string_view wanted) const {
    const auto ordinal = first_from(wanted);
    if (ordinal == size() || path(ordinal) != wanted) return std::nullopt;
    return ordinal;
}

std::size_t RecallList::ordinal_of(const Entry& entry) const {
    if (entry.ordinal < size() && path(entry.ordinal) == entry.path) return entry.ordinal;
    if (const auto found = find(entry.path)) return *found;
    throw Error{Fault::missing, "the backup has no entry " + entry.path};
}

}  // namespace varve

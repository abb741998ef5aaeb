#include "pipeline/list_writer.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pipeline/file_list.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

constexpr std::uint8_t chunks_tag = 15 << 3 | 2;  // FileEntry.chunks

ChunkEntry entry_of(const PlacedChunk& chunk, const StoredPack& pack) {
    ChunkEntry entry{.id = chunk.id, .pack = {}, .offset = chunk.place.offset, .sealed_length = chunk.place.sealed_length};
    std::memcpy(entry.pack.data(), pack.name.data(), entry.pack.size());
    return entry;
}

}  // namespace

PackNames::PackNames(std::vector<StoredPack> packs) : packs_{std::move(packs)}, used_(packs_.size(), 0) {
    std::vector<std::array<std::uint8_t, 8>> begins(packs_.size());
    for (std::size_t i = 0; i < packs_.size(); ++i) std::memcpy(begins[i].data(), packs_[i].name.data(), begins[i].size());
    std::ranges::sort(begins);
    if (std::ranges::adjacent_find(begins) != begins.end())
        throw Error{Fault::defect, "two packs of this backup have names that begin with the same eight bytes"};
}

void PackNames::append_entry(Bytes& into, const PlacedChunk& chunk) {
    append_chunk_entry(into, entry_of(chunk, packs_.at(chunk.place.pack)));
    used_[chunk.place.pack] = 1;
}

void PackNames::mark_used(std::vector<std::uint8_t>& used) const {
    for (std::size_t number = 0; number < used.size(); ++number) used[number] |= used_[number];
}

ListWriter::ListWriter(MappedFile spill, PackNames names, const std::filesystem::path& copy)
    : spill_{std::move(spill)}, entries_{sorted_entries(spill_.bytes())}, names_{std::move(names)}, copy_path_{copy} {
    copy_ = Descriptor{::open(copy.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!copy_) throw system_error(errno, "open", copy);
}

void ListWriter::make_entry() {
    auto position = entries_[next_entry_++];
    const auto entry = SpilledEntry::at(spill_.bytes(), position);
    Bytes chunks;
    if (const auto count = entry.chunk_count(); count > 0) {
        chunks.push_back(chunks_tag);
        append_length(chunks, count * chunk_entry_bytes);
        for (std::size_t i = 0; i < count; ++i) names_.append_entry(chunks, entry.chunk(i));
    }
    append_length(made_, entry.message.size() + chunks.size());
    append(made_, entry.message);
    append(made_, chunks);
}

bool ListWriter::next(Bytes& into, std::size_t bytes_max) {
    const auto from = into.size();
    for (auto room = bytes_max; room > 0; room = bytes_max - (into.size() - from)) {
        if (given_ == made_.size()) {
            made_.clear();
            given_ = 0;
            if (next_entry_ == entries_.size()) break;
            make_entry();
        }
        const auto piece = ByteView{made_}.subspan(given_, std::min(room, made_.size() - given_));
        append(into, piece);
        given_ += piece.size();
    }
    sum_.add(ByteView{into}.subspan(from));
    write_all(copy_.get(), ByteView{into}.subspan(from), copy_path_);
    spill_.let_go();
    return next_entry_ < entries_.size() || given_ < made_.size();
}

}  // namespace varve

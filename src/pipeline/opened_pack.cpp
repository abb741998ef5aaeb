#include "pipeline/opened_pack.hpp"

#include <algorithm>

#include "format.pb.h"
#include "varve/error.hpp"

namespace varve {

namespace {

ObjectReader open_object(const Bytes& bytes, const RepositoryId& repository, const OpeningKeys& keys, const std::string& name) {
    try {
        return {bytes, ObjectType::pack, repository, keys};
    } catch (Error& error) {
        error.during(name);
        throw;
    }
}

}  // namespace

std::string name_of(const StoredPack& pack) { return "pack " + pack.folder + "/" + to_hex(pack.name); }

OpenedPack::OpenedPack(const StoredPack& stored, Bytes bytes, const RepositoryId& repository, const OpeningKeys& keys,
                       const Secret& id_key)
    : name_{name_of(stored)}, bytes_{std::move(bytes)}, reader_{open_object(bytes_, repository, keys, name_)}, hasher_{id_key} {
    format::PackStructure structure;
    const auto& text = reader_.structure();
    if (!structure.ParseFromArray(text.data(), static_cast<int>(text.size())) ||
        structure.chunk_ids().size() != records() * sizeof(ChunkId))
        throw Error{Fault::corrupt, name_ + ": its table does not fit its chunks"};
    ids_ = std::move(*structure.mutable_chunk_ids());
    lengths_.resize(records());
    if (!reader_.reads_content()) {
        throw Error{Fault::denied, name_ + ": the keys held here do not open content"}
            .hint("Reading content needs the restore key or the recovery kit.")
            .code("wrong_key", 12);
    }
}

std::span<const std::uint8_t> OpenedPack::id(std::uint32_t number) const {
    return view_of(ids_).subspan(number * sizeof(ChunkId), sizeof(ChunkId));
}

std::optional<std::uint32_t> OpenedPack::find(const ChunkEntry& entry) const {
    std::uint32_t begin = 0, end = records();
    while (begin < end) {
        const auto middle = begin + (end - begin) / 2;
        if (reader_.place(middle).offset < entry.offset)
            begin = middle + 1;
        else
            end = middle;
    }
    if (begin == records()) return std::nullopt;
    const auto place = reader_.place(begin);
    const bool same = place.offset == entry.offset && place.sealed_length == entry.sealed_length;
    return same && std::ranges::equal(id(begin), entry.id) ? std::optional{begin} : std::nullopt;
}

bool OpenedPack::lists(const ChunkEntry& entry) const { return find(entry).has_value(); }

void OpenedPack::read_record(std::uint32_t number, Bytes& into) {
    const std::lock_guard lock{mutex_};
    try {
        reader_.content_into(number, into);
    } catch (Error& error) {
        error.during(name_);
        throw;
    }
    if (!std::ranges::equal(hasher_.id_of(into), id(number)))
        throw Error{Fault::corrupt, name_ + ": chunk " + std::to_string(number) + " is not what its id says"};
    lengths_[number] = into.size();
}

void OpenedPack::read(const ChunkEntry& entry, Bytes& into) {
    const auto number = find(entry);
    if (!number) throw Error{Fault::corrupt, name_ + ": it has no such chunk at offset " + std::to_string(entry.offset)};
    read_record(*number, into);
}

std::uint64_t OpenedPack::length_of(const ChunkEntry& entry) {
    const auto number = find(entry);
    const auto known = [&] {
        const std::lock_guard lock{mutex_};
        return number ? lengths_[*number] : std::nullopt;
    }();
    if (known) return *known;
    Bytes plain;
    read(entry, plain);
    return plain.size();
}

void OpenedPack::check_all() {
    Bytes plain;
    for (std::uint32_t number = 0; number < records(); ++number) read_record(number, plain);
}

}  // namespace varve

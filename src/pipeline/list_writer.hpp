/// Turns spilled entries into the file list: in path order, with the names of packs, which are all closed by now.
#pragma once

#include <filesystem>
#include <vector>

#include "pipeline/list_spill.hpp"
#include "pipeline/pack_destination.hpp"
#include "varve/check.hpp"

namespace varve {

/// How chunks of this backup are written down once every pack has its name.
class PackNames {
public:
    /// `packs`: by PackNumber. Fault::defect when two names begin with the same eight bytes.
    explicit PackNames(std::vector<StoredPack> packs);
    void append_entry(Bytes& into, const PlacedChunk& chunk);
    /// Marks the packs among the first `used.size()` that entries named.
    void mark_used(std::vector<std::uint8_t>& used) const;

private:
    std::vector<StoredPack> packs_;
    std::vector<std::uint8_t> used_;
};

/// Gives the list piece by piece and keeps a copy of it in a file. One thread at a time; it blocks.
class ListWriter {
public:
    ListWriter(MappedFile spill, PackNames names, const std::filesystem::path& copy);

    /// Appends the next bytes of the list, at most `bytes_max`. False: that was all.
    bool next(Bytes& into, std::size_t bytes_max);
    PackNames& names() noexcept { return names_; }
    /// Of the whole list, once next() has said that it ended.
    Digest digest() { return sum_.finish(); }

private:
    void make_entry();

    MappedFile spill_;
    std::vector<std::uint64_t> entries_;
    std::size_t next_entry_ = 0;
    PackNames names_;
    std::filesystem::path copy_path_;
    Descriptor copy_;
    Sha256 sum_;
    Bytes made_;  ///< of the list, not yet given
    std::size_t given_ = 0;
};

}  // namespace varve

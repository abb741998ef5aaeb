/// Entries of the list while the backup runs: on disk, in the order they came, with pack numbers instead of names.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "pipeline/content_stream.hpp"
#include "pipeline/mapped_file.hpp"
#include "varve/async.hpp"
#include "varve/file.hpp"

namespace varve {

/// A file without a name in the scratch folder: it goes with this object, or with the process. io thread.
class ListSpill {
public:
    ListSpill(Pools& pools, std::filesystem::path folder) : pools_{pools}, folder_{std::move(folder)} {}

    /// Before the first add().
    Task<> open();
    /// Keeps the entry. Several may be under way at once; after a failure the spill is worth nothing.
    Task<> add(Entry entry, Content content);
    /// When no add() is under way: everything is in the file, mapped.
    Task<MappedFile> finish();

private:
    Task<> write_block();

    Pools& pools_;
    std::filesystem::path folder_;
    std::shared_ptr<Descriptor> file_;
    Bytes block_;                     ///< not yet in the file
    std::uint64_t block_begins_ = 0;  ///< its place there
    std::uint64_t writes_begun_ = 0, writes_done_ = 0;
};

/// One entry as it lies in the spill file.
struct SpilledEntry {
    std::string_view path;
    ByteView message;  ///< FileEntry without its chunks
    ByteView chunks;   ///< PlacedChunk, end to end

    /// The entry at `position`, which moves behind it.
    static SpilledEntry at(ByteView spill, std::uint64_t& position);
    std::size_t chunk_count() const noexcept { return chunks.size() / sizeof(PlacedChunk); }
    PlacedChunk chunk(std::size_t number) const;
};

/// Where the entries begin, in byte order of their paths. Fault::defect when two have the same. Blocks.
std::vector<std::uint64_t> sorted_entries(ByteView spill);

}  // namespace varve

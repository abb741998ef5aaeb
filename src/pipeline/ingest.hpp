/// A backup's content on its way in: chunk, find, compress, seal, pack, and the list of what was taken.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "format/format.hpp"
#include "pipeline/chunk_index.hpp"
#include "pipeline/pack_destination.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve {

class FileListReader;

struct IngestOptions {
    int level = 3;                               ///< zstd level
    std::uint32_t page_chunk_bytes = 64u << 10;  ///< 64, 128 or 256 KiB
    std::uint64_t memory_max = 192u << 20;       ///< buffers and packs together
    std::filesystem::path scratch;               ///< folder for the list's spill file
    bool read_everything = false;
};

struct IngestTotals {
    std::uint64_t files = 0, bytes_source = 0, bytes_read = 0, bytes_stored = 0, chunks_new = 0, chunks_reused = 0;
};

struct IngestResult {
    std::vector<StoredPack> packs;  ///< all that the list and the files need, new and re-used
    std::vector<StoredPack> new_packs;
    std::vector<ChunkIndex::Addition> additions;  ///< into new_packs
    format::ManifestContent list;                 ///< list_chunks, list_lengths, list_levels, list_bytes filled in
    IngestTotals totals;
    std::filesystem::path list_file;  ///< the whole list, length-delimited, located: next time's previous list
};

/// One backup. io thread; work is done on the cpu pool. Dropping it before finish() leaves only packs nobody refers to.
class Ingest final : public BackupSink {
public:
    /// `previous_list`: the file kept from the last backup, empty when carrying over is not allowed.
    Ingest(Pools& pools, PackDestination& destination, const ChunkIndex& index, SealingContext sealing, SourceKeys keys,
           IngestOptions options, std::unique_ptr<PreviousBackup> previous, std::filesystem::path previous_list);
    ~Ingest() override;

    const PreviousBackup* previous() const override;
    Task<bool> carry_over(Entry entry) override;
    Task<FileRead> take_file(Entry entry, std::shared_ptr<const LocalFile> file, ChunkProfile profile,
                             std::shared_ptr<BlockCheck> check) override;
    Task<> add(Entry entry, Bytes content) override;
    Task<std::unique_ptr<EntryWriter>> open(Entry entry, ChunkProfile profile) override;

    /// Closes the open packs, writes the list, waits until every pack was taken. Once, when the driver is done.
    Task<IngestResult> finish();
    /// At any time: for progress.
    IngestTotals totals() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve

/// A backup's content on its way in: chunk, find, compress, seal, pack, and the list of what was taken.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "format/format.hpp"
#include "pipeline/chunk_index.hpp"
#include "pipeline/pack_destination.hpp"
#include "varve/async.hpp"
#include "varve/check.hpp"
#include "varve/driver.hpp"

namespace varve {

struct IngestOptions {
    int level = 3;                               ///< zstd level
    std::uint32_t page_chunk_bytes = 64u << 10;  ///< 64, 128 or 256 KiB
    /// Buffers and packs together. Each EntryWriter that is open adds up to 4 MiB.
    std::uint64_t memory_max = 192u << 20;
    unsigned workers = 0;           ///< threads of the cpu pool; 0: as many as the machine has
    std::filesystem::path scratch;  ///< folder for the list's spill file and the new list
    bool read_everything = false;   ///< carry nothing over
    std::size_t pack_bytes_max = varve::pack_bytes_max;
    std::uint64_t list_entries_bytes_max = 4u << 20;  ///< chunk entries of the list beyond this get an index of their own
};

struct IngestTotals {
    std::uint64_t files = 0;         ///< entries of any kind
    std::uint64_t bytes_source = 0;  ///< content of all entries
    std::uint64_t bytes_read = 0;    ///< of it, not carried over
    std::uint64_t bytes_stored = 0;  ///< packs that were put
    std::uint64_t chunks_new = 0, chunks_reused = 0;
};

/// A backup's file list, kept on this host.
struct KeptList {
    std::filesystem::path path;
    Digest digest{};  ///< SHA-256 of the file
};

struct IngestResult {
    std::vector<StoredPack> packs;  ///< all that the list and the files need, new and re-used
    std::vector<StoredPack> new_packs;
    std::vector<ChunkIndex::Addition> additions;  ///< into new_packs
    format::ManifestContent list;                 ///< id_key, list_chunks, list_lengths, list_levels, list_bytes filled in
    IngestTotals totals;
    /// The whole list, length-delimited, with its chunk entries: next time's previous list. In the scratch folder; the caller's
    /// from now on, to be moved or removed.
    KeptList list_file;
};

/// One backup. io thread; work is done on the cpu pool. As a sink it is used inside run() only.
class Ingest final : public BackupSink {
public:
    /// `previous_list`: kept from the last backup, without a path when carrying over is not allowed. `index` and `destination`
    /// outlive run().
    Ingest(Pools& pools, PackDestination& destination, const ChunkIndex& index, SealingContext sealing, SourceKeys keys,
           IngestOptions options, std::unique_ptr<PreviousBackup> previous, KeptList previous_list);
    ~Ingest() override;

    const PreviousBackup* previous() const override;
    Task<bool> carry_over(Entry entry) override;
    Task<std::vector<bool>> carry_over_all(const std::vector<Entry>& entries) override;
    Task<FileRead> take_file(Entry entry, std::shared_ptr<const LocalFile> file, ChunkProfile profile,
                             std::shared_ptr<BlockCheck> check) override;
    Task<std::vector<SmallFileRead>> take_small_files(std::vector<SmallFile> files) override;
    Task<> add(Entry entry, Bytes content) override;
    Task<std::unique_ptr<EntryWriter>> open(Entry entry, ChunkProfile profile) override;

    /// Lets `fill` give this sink what it has (`driver.back_up(request, sink)`), then closes the open packs, writes the list and
    /// waits until every pack was taken. A pack that is refused stops `fill`. Everything started has ended when this returns or
    /// throws; after a failure only packs that nobody refers to are left. Once.
    Task<IngestResult> run(std::function<Task<>(BackupSink&)> fill);
    /// At any time: for progress.
    IngestTotals totals() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve

/// A backup's content on its way out: pack, open, decompress, check the id, write in place.
#pragma once

#include <filesystem>
#include <memory>

#include "format/format.hpp"
#include "pipeline/pack_destination.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve {

class RecallList;

struct RecallProgress {
    std::uint64_t bytes_written = 0, bytes_kept = 0, packs_read = 0;
};

/// Everything needed to read one backup.
struct RecallPlan {
    RepositoryId repository{};
    OpeningKeys keys;               ///< must open content
    std::vector<StoredPack> packs;  ///< from the manifest
    format::ManifestContent content;
    BackupFacts facts;
    std::uint64_t memory_max = 192u << 20;  ///< packs under way together
    std::filesystem::path scratch;          ///< folder for the list while it is used; empty: the system's temporary one
};

/// io thread; work is done on the cpu pool. The file list is read once, when it is first needed, into a file without a name.
/// What is damaged is named with its pack and the files it harms; everything else can still be restored.
class Recall final : public RestoreSource {
public:
    Recall(Pools& pools, PackOrigin& origin, RecallPlan plan);
    ~Recall() override;

    const BackupFacts& facts() const override;
    Task<> each(EntryVisitor& visitor) override;
    /// Files that were created and cannot be filled are removed again.
    Task<ContentWritten> write(std::vector<FileTarget> files, WriteMode mode) override;
    std::unique_ptr<ByteSource> open(const Entry& entry) override;
    /// For looking into the list instead of going through it.
    Task<std::shared_ptr<const RecallList>> list();

    /// Every chunk of every pack the backup lists, checked against its id, and every chunk that the file list names looked up:
    /// verification level 2. Gives a sentence for each thing that is damaged or missing; a store that does not answer is thrown.
    Task<std::vector<std::string>> check_all();
    RecallProgress progress() const noexcept;

    struct State;

private:
    std::shared_ptr<State> state_;
};

}  // namespace varve

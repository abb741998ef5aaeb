/// A backup's content on its way out: pack, open, decompress, check the id, write in place.
#pragma once

#include <functional>
#include <memory>

#include "format/format.hpp"
#include "pipeline/pack_destination.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve {

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
    std::uint64_t memory_max = 192u << 20;
};

/// io thread; work is done on the cpu pool. The file list is read once and kept in a compact form.
class Recall final : public RestoreSource {
public:
    Recall(Pools& pools, PackOrigin& origin, RecallPlan plan);
    ~Recall() override;

    const BackupFacts& facts() const override;
    Task<> each(EntryVisitor& visitor) override;
    Task<std::uint64_t> write(std::vector<FileTarget> files, WriteMode mode) override;
    std::unique_ptr<ByteSource> open(const Entry& entry) override;

    /// Every chunk of every pack the backup lists, checked against its id: verification level 2. Gives what is damaged.
    Task<std::vector<std::string>> check_all();
    RecallProgress progress() const noexcept;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve

/// What a host remembers of a source between backups. All of it may be lost: then a backup reads and stores everything again.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "pipeline/chunk_index.hpp"
#include "repository/backup_commit.hpp"
#include "varve/driver.hpp"

namespace varve {

/// The newest committed backup, as this host made it.
struct RememberedBackup final : PreviousBackup {
    Instant started;
    std::string month;
    std::uint32_t page_chunk_bytes = 0;
    std::string identity;
    Properties driver_facts;

    Instant started_at() const override { return started; }
    const Properties& facts() const override { return driver_facts; }
};

/// One folder. Calls block: use the blocking pool.
class SourceMemory {
public:
    explicit SourceMemory(std::filesystem::path folder) : folder_{std::move(folder)} {}

    /// Nothing when there is none, or when it cannot be read (reported).
    std::optional<RememberedBackup> find_backup() const;
    /// The list of find_backup()'s files.
    std::filesystem::path list_file() const { return folder_ / "previous.list"; }
    /// Chunks of the month, in packs that a backup of `tiers` may use again.
    ChunkIndex index(const BackupBirth& birth) const;
    /// Keeps what the next backup can use. `list_file` is moved here.
    void remember(const RememberedBackup& backup, const std::filesystem::path& list_file) const;
    std::filesystem::path index_file(const std::string& month) const { return folder_ / ("chunks-" + month + ".index"); }
    /// Months that no backup can use again.
    void forget_other_months(const std::string& month) const;

    const std::filesystem::path& folder() const noexcept { return folder_; }

private:
    std::filesystem::path folder_;
};

}  // namespace varve

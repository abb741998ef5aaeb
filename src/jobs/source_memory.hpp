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
    ObjectKey manifest;  ///< what is kept here holds only as long as this lies in the repository
    std::string month;
    std::uint32_t page_chunk_bytes = 0;
    std::string identity;
    Properties driver_facts;
    Digest list_digest{};  ///< of list_file()

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
    /// Chunks of the month, in packs that a backup born so may use again.
    ChunkIndex index(const BackupBirth& birth, const PackRule& usable) const;
    /// From here until remember() nothing that is kept is believed: the index and the backup it belongs to change together.
    void forget_backup() const;
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

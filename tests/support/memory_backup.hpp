/// A backup in memory: what a driver stores comes back from it. For tests of drivers without a pipeline.
#pragma once

#include <map>
#include <string>

#include "varve/driver.hpp"

namespace varve::test {

/// Takes a backup, then gives it back. io thread only.
class MemoryBackup final : public BackupSink, public RestoreSource {
public:
    struct Stored {
        Entry entry;
        Bytes content;
    };

    const PreviousBackup* previous() const override { return previous_; }
    Task<bool> carry_over(Entry entry) override;
    Task<FileRead> take_file(Entry entry, std::shared_ptr<const LocalFile> file, ChunkProfile profile,
                             std::shared_ptr<BlockCheck> check) override;
    Task<> add(Entry entry, Bytes content) override;
    Task<std::unique_ptr<EntryWriter>> open(Entry entry, ChunkProfile profile) override;

    const BackupFacts& facts() const override { return facts_; }
    Task<> each(EntryVisitor& visitor) override;
    Task<ContentWritten> write(std::vector<FileTarget> files, WriteMode mode) override;
    std::unique_ptr<ByteSource> open(const Entry& entry) override;

    /// What the driver said at its end: a restore wants it.
    void set_facts(BackupFacts facts) { facts_ = std::move(facts); }
    /// From now on a file of these paths is carried over from `previous`.
    void set_previous(const PreviousBackup* previous) { previous_ = previous; }
    const std::map<std::string, Stored>& stored() const noexcept { return stored_; }
    std::uint64_t offered = 0;  ///< calls of carry_over

private:
    void keep(Entry entry, Bytes content);

    const PreviousBackup* previous_ = nullptr;
    std::map<std::string, Stored> stored_;
    BackupFacts facts_;
};

}  // namespace varve::test

/// A backup in memory: a sink that keeps what a driver gives it, and a source that gives it back.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "varve/driver.hpp"

namespace varve::test {

struct KeptEntry {
    Entry entry;
    Bytes content;
};
/// By path, in the order of a backup's list.
using KeptEntries = std::map<std::string, KeptEntry>;

/// Keeps every entry; a path that comes twice is Fault::defect. io thread; files are read there too.
class ScriptedBackupSink final : public BackupSink {
public:
    ScriptedBackupSink();
    ~ScriptedBackupSink() override;

    /// From now on files are carried over from `previous` by the rule of the contract.
    void carry_from(const KeptEntries& previous, Instant started_at, Properties facts = {});
    /// Called with the path before the content of a file is read, after it, and before an entry is kept. May throw.
    std::function<void(const std::string& path)> before_read, after_read, before_keep;

    KeptEntries entries;
    std::vector<std::string> read;     ///< paths whose content was read, in order; more than once when read again
    std::vector<std::string> carried;  ///< paths carried over

    const PreviousBackup* previous() const override;
    Task<bool> carry_over(Entry entry) override;
    Task<FileRead> take_file(Entry entry, std::shared_ptr<const LocalFile> file, ChunkProfile profile,
                             std::shared_ptr<BlockCheck> check = nullptr) override;
    Task<> add(Entry entry, Bytes content = {}) override;
    Task<std::unique_ptr<EntryWriter>> open(Entry entry, ChunkProfile profile) override;

private:
    class Previous;
    class Writer;
    void keep(Entry entry, Bytes content);

    std::unique_ptr<Previous> previous_;
};

/// Gives kept entries back. write() creates the files, as the contract says, and keeps no checks of its own.
class ScriptedRestoreSource final : public RestoreSource {
public:
    explicit ScriptedRestoreSource(KeptEntries entries, BackupFacts facts = {})
        : entries_{std::move(entries)}, facts_{std::move(facts)} {}

    std::set<std::string> damaged;  ///< paths whose content cannot be had

    const BackupFacts& facts() const override { return facts_; }
    Task<> each(EntryVisitor& visitor) override;
    Task<ContentWritten> write(std::vector<FileTarget> files, WriteMode mode) override;
    std::unique_ptr<ByteSource> open(const Entry& entry) override;

private:
    KeptEntries entries_;
    BackupFacts facts_;
};

}  // namespace varve::test

#include "support/scripted_backup.hpp"

#include <utility>

#include "varve/async.hpp"
#include "varve/error.hpp"

namespace varve::test {
namespace {

constexpr std::uint64_t region_bytes = 4u << 20;

std::int64_t nanoseconds(Instant time) { return std::chrono::nanoseconds{time.time_since_epoch()}.count(); }

/// Content in one block, and the end.
class OneBlock final : public ByteSource {
public:
    explicit OneBlock(Bytes content) : content_{std::move(content)} {}
    Task<Bytes> read() override { co_return std::exchange(content_, {}); }

private:
    Bytes content_;
};

}  // namespace

class ScriptedBackupSink::Previous final : public PreviousBackup {
public:
    Previous(KeptEntries kept, Instant started_at, Properties facts)
        : entries{std::move(kept)}, started_at_{started_at}, facts_{std::move(facts)} {}
    Instant started_at() const override { return started_at_; }
    const Properties& facts() const override { return facts_; }

    const KeptEntries entries;

private:
    Instant started_at_;
    Properties facts_;
};

class ScriptedBackupSink::Writer final : public EntryWriter {
public:
    Writer(ScriptedBackupSink& sink, Entry entry) : sink_{sink}, entry_{std::move(entry)} {}
    Task<> write(Bytes block) override {
        co_await check_stop();
        varve::append(content_, block);
    }
    Task<> finish() override {
        co_await check_stop();
        entry_.size = content_.size();
        sink_.keep(std::move(entry_), std::move(content_));
    }

private:
    ScriptedBackupSink& sink_;
    Entry entry_;
    Bytes content_;
};

ScriptedBackupSink::ScriptedBackupSink() = default;
ScriptedBackupSink::~ScriptedBackupSink() = default;

void ScriptedBackupSink::carry_from(const KeptEntries& previous, Instant started_at, Properties facts) {
    previous_ = std::make_unique<Previous>(previous, started_at, std::move(facts));
}

const PreviousBackup* ScriptedBackupSink::previous() const { return previous_.get(); }

void ScriptedBackupSink::keep(Entry entry, Bytes content) {
    if (before_keep) before_keep(entry.path);
    const auto path = entry.path;
    if (!entries.try_emplace(path, KeptEntry{std::move(entry), std::move(content)}).second) {
        throw Error{Fault::defect, "the entry " + path + " came twice"};
    }
}

Task<bool> ScriptedBackupSink::carry_over(Entry entry) {
    co_await check_stop();
    if (!previous_) co_return false;
    const auto found = previous_->entries.find(entry.path);
    if (found == previous_->entries.end()) co_return false;
    const auto& then = found->second.entry;
    const auto settled = nanoseconds(previous_->started_at() - std::chrono::seconds{2});
    const bool same = then.device == entry.device && then.inode == entry.inode && then.size == entry.size &&
                      then.mtime_ns == entry.mtime_ns && then.ctime_ns == entry.ctime_ns && entry.mtime_ns <= settled &&
                      entry.ctime_ns <= settled;
    if (!same) co_return false;
    carried.push_back(entry.path);
    keep(std::move(entry), found->second.content);
    co_return true;
}

Task<FileRead> ScriptedBackupSink::take_file(Entry entry, std::shared_ptr<const LocalFile> file, ChunkProfile,
                                             std::shared_ptr<BlockCheck> check) {
    co_await check_stop();
    read.push_back(entry.path);
    if (before_read) before_read(entry.path);
    Bytes content(entry.size);
    content.resize(file->read_at(0, content));
    if (after_read) after_read(entry.path);
    for (std::uint64_t at = 0; check && at < content.size(); at += region_bytes) {
        check->look(at, ByteView{content}.subspan(at, std::min<std::uint64_t>(region_bytes, content.size() - at)));
    }
    entry.size = content.size();
    const auto bytes = entry.size;
    const bool kept = !check || check->accept();
    if (kept) keep(std::move(entry), std::move(content));
    co_return FileRead{.bytes = bytes, .reused_all = false, .kept = kept};
}

Task<> ScriptedBackupSink::add(Entry entry, Bytes content) {
    co_await check_stop();
    entry.size = content.size();
    keep(std::move(entry), std::move(content));
}

Task<std::unique_ptr<EntryWriter>> ScriptedBackupSink::open(Entry entry, ChunkProfile) {
    co_await check_stop();
    co_return std::make_unique<Writer>(*this, std::move(entry));
}

Task<> ScriptedRestoreSource::each(EntryVisitor& visitor) {
    std::uint64_t ordinal = 0;
    for (const auto& [path, kept] : entries_) {
        auto entry = kept.entry;
        entry.ordinal = ordinal++;
        co_await visitor.visit(entry);
    }
}

Task<ContentWritten> ScriptedRestoreSource::write(std::vector<FileTarget> files, WriteMode) {
    co_await check_stop();
    ContentWritten written;
    for (const auto& file : files) {
        const auto& path = file.entry.path;
        if (damaged.contains(path)) {
            written.damage.push_back("the pack is gone; harms " + path);
            written.harmed.insert(path);
            continue;
        }
        const auto& content = entries_.at(path).content;
        create_file(file.path, content);
        written.bytes += content.size();
    }
    co_return written;
}

std::unique_ptr<ByteSource> ScriptedRestoreSource::open(const Entry& entry) {
    return std::make_unique<OneBlock>(entries_.at(entry.path).content);
}

}  // namespace varve::test

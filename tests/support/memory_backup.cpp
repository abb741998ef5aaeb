#include "support/memory_backup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "varve/error.hpp"

namespace varve::test {
namespace {

constexpr std::size_t region_bytes = 4u << 20;

class Writer final : public EntryWriter {
public:
    Writer(std::function<void(Bytes)> keep) : keep_{std::move(keep)} {}
    Task<> write(Bytes block) override {
        append(content_, block);
        co_return;
    }
    Task<> finish() override {
        keep_(std::move(content_));
        co_return;
    }

private:
    std::function<void(Bytes)> keep_;
    Bytes content_;
};

class OneBlock final : public ByteSource {
public:
    explicit OneBlock(Bytes content) : content_{std::move(content)} {}
    Task<Bytes> read() override { co_return std::exchange(content_, {}); }

private:
    Bytes content_;
};

}  // namespace

void MemoryBackup::keep(Entry entry, Bytes content) {
    entry.size = content.size();
    const auto path = entry.path;
    if (!stored_.emplace(path, Stored{std::move(entry), std::move(content)}).second)
        throw Error{Fault::defect, "stored twice: " + path};
}

Task<bool> MemoryBackup::carry_over(Entry) {
    ++offered;
    co_return false;
}

Task<FileRead> MemoryBackup::take_file(Entry entry, std::shared_ptr<const LocalFile> file, ChunkProfile,
                                       std::shared_ptr<BlockCheck> check) {
    Bytes content(entry.size);
    content.resize(file->read_at(0, content));
    for (std::size_t at = 0; check && at < content.size(); at += region_bytes)
        check->look(at, ByteView{content}.subspan(at, std::min(region_bytes, content.size() - at)));
    const auto size = content.size();
    keep(std::move(entry), std::move(content));
    co_return FileRead{.bytes = size};
}

Task<> MemoryBackup::add(Entry entry, Bytes content) {
    keep(std::move(entry), std::move(content));
    co_return;
}

Task<std::unique_ptr<EntryWriter>> MemoryBackup::open(Entry entry, ChunkProfile) {
    co_return std::make_unique<Writer>([this, entry](Bytes content) { keep(entry, std::move(content)); });
}

Task<> MemoryBackup::each(EntryVisitor& visitor) {
    for (const auto& [path, item] : stored_) co_await visitor.visit(item.entry);
}

Task<ContentWritten> MemoryBackup::write(std::vector<FileTarget> files, WriteMode mode) {
    std::uint64_t bytes = 0;
    for (const auto& file : files) {
        const auto& content = stored_.at(file.entry.path).content;
        const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (mode == WriteMode::create ? O_EXCL : O_TRUNC);
        const Descriptor opened{::open(file.path.c_str(), flags, 0600)};
        if (!opened) throw system_error(errno, "open", file.path);
        write_all(opened.get(), content, file.path);
        bytes += content.size();
    }
    co_return ContentWritten{.bytes = bytes, .damage = {}, .harmed = {}};
}

std::unique_ptr<ByteSource> MemoryBackup::open(const Entry& entry) {
    return std::make_unique<OneBlock>(stored_.at(entry.path).content);
}

}  // namespace varve::test

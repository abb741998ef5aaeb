/// A pipeline without a repository: packs in memory, keys made up, content from a seed.
#pragma once

#include <fcntl.h>

#include <functional>
#include <map>
#include <memory>
#include <random>

#include "pipeline/ingest.hpp"
#include "pipeline/recall.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "varve/error.hpp"

namespace varve::test {

/// Where packs go and come from. A test may make it wait, fail or lie.
class MemoryPacks final : public PackDestination, public PackOrigin {
public:
    Task<> put_pack(SealedObject pack) override {
        under_way_ += pack.bytes.size();
        most_under_way = std::max(most_under_way, under_way_);
        if (before_put) co_await before_put();
        under_way_ -= pack.bytes.size();
        if (puts_until_failure-- == 0) throw Error{Fault::unreachable, "the store went away"};
        stored[pack.name] = std::move(pack.bytes);
    }
    const std::string& folder() const override { return folder_name; }
    Task<Bytes> get_pack(StoredPack pack) override {
        ++gets;
        const auto found = stored.find(pack.name);
        if (found == stored.end()) throw Error{Fault::missing, "no copy has it"};
        co_return found->second;
    }

    std::map<PackName, Bytes> stored;
    std::string folder_name = "202611d";
    std::function<Task<>()> before_put;
    int puts_until_failure = -1;
    int gets = 0;
    std::uint64_t most_under_way = 0;

private:
    std::uint64_t under_way_ = 0;
};

class Previous final : public PreviousBackup {
public:
    explicit Previous(Instant began) : began_{began} {}
    Instant started_at() const override { return began_; }
    const Properties& facts() const override { return facts_; }

private:
    Instant began_;
    Properties facts_;
};

class EntryCollector final : public EntryVisitor {
public:
    Task<> visit(const Entry& entry) override {
        entries.push_back(entry);
        co_return;
    }
    std::vector<Entry> entries;
};

inline Bytes random_bytes_of(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i % 64 < 24 ? random() : i / 4096);
    return bytes;
}

inline Entry file_entry(std::string path, std::uint64_t size) {
    Entry entry;
    entry.path = std::move(path);
    entry.size = size;
    entry.mode = 0640;
    return entry;
}

/// Entry and open file for something that lies below a folder.
struct Source {
    Entry entry;
    std::shared_ptr<const LocalFile> file;
};

class Rig {
public:
    Rig() {
        repository.fill(7);
        sealing.repository = repository;
        sealing.recipients = {{.role = Role::restore, .key = x25519_public(restore)},
                              {.role = Role::maintain, .key = x25519_public(maintain)}};
        options.scratch = scratch.path();
        options.workers = 2;
    }

    using Fill = std::function<Task<>(BackupSink&)>;
    IngestResult back_up(Fill fill, std::unique_ptr<PreviousBackup> previous = nullptr, KeptList list = {}) {
        Ingest ingest{pools.pools, packs, index, sealing, keys, options, std::move(previous), std::move(list)};
        return run(io, ingest.run(std::move(fill)));
    }
    /// What a committed backup leaves for the next.
    void remember(const IngestResult& result) {
        index.save_with(scratch / "index", result.new_packs, result.additions);
        index = ChunkIndex::open(scratch / "index", 'd');
    }
    std::unique_ptr<Recall> recall(const IngestResult& result) {
        return std::make_unique<Recall>(pools.pools, packs, plan(result));
    }
    RecallPlan plan(const IngestResult& result) {
        return {.repository = repository,
                .keys = {.readers = {restore}, .own_structure = {}},
                .packs = result.packs,
                .content = result.list,
                .facts = {},
                .scratch = scratch.path()};
    }
    std::vector<Entry> entries(Recall& recalled) {
        EntryCollector collector;
        run(io, recalled.each(collector));
        return collector.entries;
    }
    Bytes read(Recall& recalled, const Entry& entry) { return run(io, read_all(recalled.open(entry))); }
    Bytes read(Recall& recalled, const std::string& path) { return read(recalled, file_entry(path, 0)); }

    Source make_file(const std::string& name, const Bytes& content) {
        write_text(tree / name, std::string{content.begin(), content.end()});
        auto file = std::make_shared<const LocalFile>(LocalFile::open(tree / name));
        auto entry = file_entry(name, content.size());
        const auto& status = file->status();
        entry.device = status.st_dev;
        entry.inode = status.st_ino;
        entry.mtime_ns = status.st_mtim.tv_sec * 1'000'000'000L + status.st_mtim.tv_nsec;
        entry.ctime_ns = status.st_ctim.tv_sec * 1'000'000'000L + status.st_ctim.tv_nsec;
        return {.entry = std::move(entry), .file = std::move(file)};
    }

    static Task<Bytes> read_all(std::unique_ptr<ByteSource> source) {
        Bytes all;
        for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) append(all, block);
        co_return all;
    }
    static Task<> push(BackupSink& sink, std::string path, ChunkProfile profile, Bytes content, std::size_t block_bytes) {
        const auto writer = co_await sink.open(file_entry(std::move(path), 0), profile);
        for (std::size_t at = 0; at < content.size(); at += block_bytes) {
            const auto block = ByteView{content}.subspan(at, std::min(block_bytes, content.size() - at));
            co_await writer->write(to_bytes(block));
        }
        co_await writer->finish();
    }

    asio::io_context io;
    TestPools pools;
    TempDir tree, scratch;
    MemoryPacks packs;
    RepositoryId repository{};
    Secret archive{Bytes(32, 1)}, restore{Bytes(32, 2)}, maintain{Bytes(32, 3)};
    SourceKeys keys = derive_source_keys(archive, repository, SourceName{"files/test"});
    SealingContext sealing;
    IngestOptions options;
    ChunkIndex index;
};

}  // namespace varve::test

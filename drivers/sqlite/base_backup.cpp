#include "sqlite/base_backup.hpp"

#include <algorithm>

#include "sqlite/target.hpp"
#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

constexpr std::size_t block_bytes = 1U << 20;

Entry entry_of(const LocalFile& file, std::uint64_t bytes) {
    const auto status = file.status_now();
    Entry entry;
    entry.path = database_entry;
    entry.size = bytes;
    entry.mode = status.st_mode & 07777;
    entry.uid = status.st_uid;
    entry.gid = status.st_gid;
    entry.mtime_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
    return entry;
}

/// A block of pages, and how many of them are not what the log says.
struct Block {
    Bytes bytes;
    std::uint32_t pages = 0, unlike = 0;
};

Block read_block(const BaseSnapshot& base, std::uint32_t first) {
    const auto size = base.snapshot->point().page_size;
    Block block;
    block.pages = std::min(static_cast<std::uint32_t>(block_bytes / size), base.snapshot->point().pages - first + 1);
    block.bytes.resize(std::size_t{block.pages} * size);
    base.snapshot->read(first, block.bytes);
    for (std::uint32_t i = 0; i < block.pages; ++i) {
        const auto page = ByteView{block.bytes}.subspan(std::size_t{i} * size, size);
        if (hash_of_page(first + i, page) != base.state.pages.at(first + i)) ++block.unlike;
    }
    return block;
}

}  // namespace

Task<BackupFacts> back_up_database(Follower& follower, Pools& pools, BackupSink& sink) {
    const auto base = co_await follower.snapshot();
    const auto& state = base->state;
    const auto pages = base->snapshot->point().pages;
    const auto writer =
        co_await sink.open(entry_of(base->database->file(), std::uint64_t{pages} * state.pages.page_size()), ChunkProfile::page);
    std::uint64_t unlike = 0;
    for (std::uint32_t page = 1; page <= pages;) {
        auto block = co_await on_pool(pools.cpu, [base, page] { return read_block(*base, page); });
        page += block.pages;
        unlike += block.unlike;
        co_await writer->write(std::move(block.bytes));
    }
    if (unlike > 0) {
        const auto what = std::to_string(unlike) + " pages of the database are not what its log made of them";
        co_await follower.distrust(what);
        throw Error{Fault::overloaded, what}.hint("The log begins a new lineage; take the backup again.");
    }
    co_await writer->finish();

    BackupFacts facts;
    facts.start = facts.stop = LogPosition{state.lineage, state.position, words_of_transaction(state.number)};
    facts.lineage = Lineage{.name = state.lineage, .begins_at = first_position, .parent = {}, .facts = {}};
    facts.stop_time = base->time;
    facts.facts = to_properties({.page_size = state.pages.page_size(),
                                 .pages = pages,
                                 .number = state.number,
                                 .checksum = state.pages.checksum(),
                                 .path = base->database->path()});
    co_return facts;
}

}  // namespace varve::sqlite

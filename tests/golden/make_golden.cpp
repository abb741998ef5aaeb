// Makes the frozen repositories. Run once for each released format, never again for the same one:
//   VARVE_GOLDEN=/path/to/an/empty/folder unit_tests "[make-golden]"
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "golden/golden_world.hpp"
#include "pipeline/ingest.hpp"
#include "repository/backup_commit.hpp"
#include "repository/log_store.hpp"
#include "repository/pack_origin.hpp"
#include "stores/posix_store.hpp"
#include "support/manual_clock.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "varve/file.hpp"

namespace varve::test {
namespace {

/// Everything one frozen repository is made with.
struct Workshop {
    asio::io_context io;
    TestPools pools;
    ManualClock clock{io.get_executor()};
    std::unique_ptr<Repository> repository;
    TempDir scratch;
    ChunkIndex index;
    std::vector<StoredPack> packs;
};

Task<> take(BackupSink& sink, GoldenEntry golden, std::filesystem::path scratch) {
    if (golden.entry.kind != EntryKind::file || golden.content.size() < 200) {
        co_await sink.add(golden.entry, golden.content);
    } else if (golden.profile == ChunkProfile::stream) {
        auto writer = co_await sink.open(golden.entry, golden.profile);
        co_await writer->write(golden.content);
        co_await writer->finish();
    } else {
        const auto path = scratch / "content";
        replace_file(path, golden.content);
        auto opened = std::make_shared<const LocalFile>(LocalFile::open(path));
        co_await sink.take_file(golden.entry, opened, golden.profile);
    }
}

Task<> back_up(Workshop& shop, int number) {
    auto commit =
        co_await BackupCommit::begin(*shop.repository, golden_source, RetentionRule{.monthly = KeepLength{.months = 12}}, {});
    IngestOptions options{.scratch = shop.scratch.path()};
    // The second backup's list is read through an index of its own.
    if (number == 2) options.list_entries_bytes_max = 48;
    Ingest ingest{shop.pools.pools,
                  *commit,
                  shop.index,
                  shop.repository->sealing(golden_source),
                  shop.repository->source_keys(golden_source),
                  options,
                  nullptr,
                  {}};
    const auto entries = golden_entries(number);
    auto fill = [&](BackupSink& sink) -> Task<> {
        for (const auto& golden : entries) co_await take(sink, golden, shop.scratch.path());
    };
    auto result = co_await ingest.run(fill);
    shop.index.save_with(shop.scratch.path() / "index", result.new_packs, result.additions);
    shop.index = ChunkIndex::open(shop.scratch.path() / "index", 'd');

    format::ManifestStructure structure;
    structure.set_source(golden_source.text());
    structure.set_driver("golden");
    structure.set_identity("7301234567890123456");
    structure.set_stop_time(to_format(shop.clock.now()));
    structure.set_files(entries.size());
    structure.set_bytes_source(result.totals.bytes_source);
    structure.mutable_lineage()->set_name(golden_trunk.text());
    structure.set_start_position(0x1000);
    structure.set_stop_position(0x2000);
    for (const auto& pack : result.packs) {
        auto& use = *structure.add_packs();
        use.set_name(std::string{text_of(pack.name)});
        use.set_size(pack.size);
        use.set_folder(pack.folder);
    }
    (*result.list.mutable_facts())["greeting"] = "hello \xFF";
    co_await commit->commit(std::move(structure), std::move(result.list));
}

LogBatch batch_of(const LineageName& name, std::uint64_t from, std::uint64_t middle, std::uint64_t to, Instant time) {
    LogBatch batch;
    batch.lineage = {.name = name, .begins_at = 0x1000, .parent = {}, .facts = {{"timeline", name == golden_trunk ? "1" : "2"}}};
    if (name == golden_branch) batch.lineage.parent = LogPosition{golden_trunk, golden_branch_at, "0/5800"};
    batch.from = {name, from, "from"};
    batch.to = {name, to, "to"};
    for (const auto& [begin, end] : {std::pair{from, middle}, std::pair{middle, to}}) {
        if (begin == end) continue;
        batch.frames.push_back(golden_log(name, begin, end));
        batch.frame_from.push_back(begin);
    }
    batch.moments = {{from + 16, time}, {to, time + std::chrono::seconds{5}}};
    batch.last_commit = time + std::chrono::seconds{5};
    batch.last_whole = from;
    return batch;
}

Task<> ship(Workshop& shop) {
    TaskGroup background{co_await asio::this_coro::executor};
    LogStore store{*shop.repository, golden_source, "golden", shop.clock, background};
    struct Piece {
        LineageName lineage;
        std::uint64_t from, middle, to;
    };
    const std::vector<Piece> pieces{{golden_trunk, 0x1000, 0x1000, 0x3000},
                                    {golden_trunk, 0x3000, 0x4000, 0x5000},
                                    {golden_trunk, 0x4000, 0x4000, 0x6000},  // overlaps, with equal bytes
                                    {golden_trunk, 0x7000, 0x7000, 0x7100},  // behind a gap
                                    {golden_branch, golden_branch_at, golden_branch_at, 0x6400}};
    for (const auto& piece : pieces) {
        shop.clock.advance(std::chrono::minutes{1});
        co_await store.put_log(
            std::make_shared<const LogBatch>(batch_of(piece.lineage, piece.from, piece.middle, piece.to, shop.clock.now())));
    }
    const Lineage trunk{.name = golden_trunk, .begins_at = 0x1000, .parent = {}, .facts = {}};
    co_await store.put_gap(
        trunk, {.from = {golden_trunk, 0x6000, "0/6000"}, .to = {golden_trunk, 0x7000, "0/7000"}, .reason = "made for a test"});
    format::EvidenceStructure evidence;
    evidence.set_kind("drill");
    evidence.set_ok(true);
    co_await shop.repository->put_evidence(golden_source, std::move(evidence));
    co_await background.join();
}

std::string expectations(const std::vector<BackupName>& backups) {
    std::string text;
    for (int number = 1; number <= golden_backups; ++number) {
        const auto& id = backups.at(static_cast<std::size_t>(golden_backups - number)).id.text();
        for (const auto& golden : golden_entries(number)) {
            const auto& entry = golden.entry;
            const bool is_file = entry.kind == EntryKind::file;
            text += "entry " + id + " " + std::to_string(static_cast<int>(entry.kind)) + " " + to_hex(view_of(entry.path)) + " " +
                    (is_file ? to_hex(sha256(golden.content)) : "-") + " " +
                    (entry.link_target.empty() ? "-" : to_hex(view_of(entry.link_target))) + "\n";
        }
    }
    for (const auto& stretch : golden_stretches()) {
        text += "log " + stretch.lineage.text() + " " + std::to_string(stretch.from) + " " + std::to_string(stretch.to) + " " +
                to_hex(sha256(golden_log(stretch.lineage, stretch.from, stretch.to))) + "\n";
    }
    return text;
}

void make(RepositoryMode mode, const std::filesystem::path& folder) {
    Workshop shop;
    std::filesystem::create_directories(folder);
    PosixStore::create(folder / "repository");
    auto store = std::make_shared<PosixStore>(folder / "repository", shop.pools.pools.blocking, shop.clock);
    auto copies = std::make_shared<Copies>(std::vector<Copy>{{RepositoryName{"golden"}, store, true}});
    const auto keys = run(shop.io, Repository::create(*copies, mode, "golden-host"));
    create_file(folder / "host.keys", view_of(keys.host_keys.print()), 0644);
    create_file(folder / "kit.keys", view_of(keys.recovery_kit.print()), 0644);
    shop.repository = run(shop.io, Repository::open(copies, keys.host_keys, shop.pools.pools));
    run(shop.io, back_up(shop, 1));
    run(shop.io, ship(shop));
    shop.clock.advance(std::chrono::hours{24});
    run(shop.io, back_up(shop, 2));
    create_file(folder / "expected.txt", view_of(expectations(run(shop.io, shop.repository->backups(golden_source)))), 0644);
}

TEST_CASE("the frozen repositories are made", "[.][make-golden]") {
    const char* folder = std::getenv("VARVE_GOLDEN");
    REQUIRE(folder != nullptr);

    make(RepositoryMode::managed, std::filesystem::path{folder} / "v1-managed");
    make(RepositoryMode::sealed, std::filesystem::path{folder} / "v1-sealed");
}

}  // namespace
}  // namespace varve::test

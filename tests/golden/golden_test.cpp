// Repositories frozen when their format was released: every later build must open and restore them.
#include <catch2/catch.hpp>

#include "golden/golden_world.hpp"
#include "pipeline/recall.hpp"
#include "repository/log_catalog.hpp"
#include "repository/pack_origin.hpp"
#include "repository/verify.hpp"
#include "stores/posix_store.hpp"
#include "support/fault_of.hpp"
#include "support/manual_clock.hpp"
#include "support/run.hpp"
#include "varve/file.hpp"

namespace varve::test {
namespace {

/// One frozen repository, opened with one of its keys files.
struct Frozen {
    Frozen(const std::string& name, const std::string& keys) {
        const auto folder = std::filesystem::path{VARVE_SOURCE_DIR} / "tests/golden" / name;
        auto store = std::make_shared<PosixStore>(folder / "repository", pools.pools.blocking, clock);
        auto copies = std::make_shared<Copies>(std::vector<Copy>{{RepositoryName{"golden"}, store, true}});
        const auto text = read_file(folder / keys);
        repository = run(io, Repository::open(copies, KeyRing::parse(std::string{text_of(text)}, keys), pools.pools));
    }

    asio::io_context io;
    TestPools pools;
    ManualClock clock{io.get_executor()};
    std::unique_ptr<Repository> repository;
};

Task<Bytes> read_all(std::unique_ptr<ByteSource> source) {
    Bytes all;
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) append(all, block);
    co_return all;
}

class Collect final : public EntryVisitor {
public:
    Task<> visit(const Entry& entry) override {
        entries.push_back(entry);
        co_return;
    }
    std::vector<Entry> entries;
};

void check_backup(Frozen& frozen, const BackupName& name, int number) {
    const auto manifest = run(frozen.io, frozen.repository->manifest(golden_source, name));
    REQUIRE(manifest.content);
    CHECK(manifest.content->facts().at("greeting") == "hello \xFF");
    RepositoryPackOrigin origin{*frozen.repository, golden_source};
    RecallPlan plan;
    plan.repository = frozen.repository->keys().repository;
    plan.keys = frozen.repository->opening(golden_source);
    plan.packs = packs_of(manifest.structure);
    plan.content = *manifest.content;
    plan.facts = facts_of(manifest);
    Recall recall{frozen.pools.pools, origin, std::move(plan)};

    Collect found;
    run(frozen.io, recall.each(found));
    const auto expected = golden_entries(number);
    REQUIRE(found.entries.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto& entry = found.entries[i];
        CAPTURE(expected[i].entry.path);
        CHECK(entry.path == expected[i].entry.path);
        CHECK(entry.kind == expected[i].entry.kind);
        CHECK(entry.mode == expected[i].entry.mode);
        CHECK(entry.mtime_ns == expected[i].entry.mtime_ns);
        CHECK(entry.link_target == expected[i].entry.link_target);
        CHECK(entry.attributes == expected[i].entry.attributes);
        if (entry.kind == EntryKind::file) CHECK((run(frozen.io, read_all(recall.open(entry))) == expected[i].content));
    }
}

}  // namespace

TEST_CASE("a frozen repository restores every file of every backup") {
    const auto name = GENERATE("v1-managed", "v1-sealed");
    Frozen frozen{name, "kit.keys"};

    const auto backups = run(frozen.io, frozen.repository->backups(golden_source));

    REQUIRE(backups.size() == golden_backups);
    CHECK(backups[1].tiers == "dm");
    CHECK(backups[0].tiers == "d");
    check_backup(frozen, backups[1], 1);
    check_backup(frozen, backups[0], 2);
}

TEST_CASE("a frozen repository gives its log back, and says where it has none") {
    const auto name = GENERATE("v1-managed", "v1-sealed");
    Frozen frozen{name, "kit.keys"};
    auto catalog = run(frozen.io, LogCatalog::read(*frozen.repository, golden_source));
    REQUIRE(catalog.find(golden_branch));
    CHECK(catalog.find(golden_branch)->lineage.parent->at == golden_branch_at);
    CHECK(catalog.find(golden_trunk)->stretches.size() == 2);
    const auto log = make_log_source(*frozen.repository, golden_source, std::move(catalog), {});

    for (const auto& stretch : golden_stretches()) {
        CAPTURE(stretch.lineage.text(), stretch.from);
        auto source = log->read(stretch.lineage, stretch.from, stretch.to);
        CHECK((run(frozen.io, read_all(std::move(source))) == golden_log(stretch.lineage, stretch.from, stretch.to)));
    }
    CHECK(run(frozen.io, log->moments(golden_trunk, 0x1000, 0x3000)).size() == 2);
    CHECK(fault_of([&] { run(frozen.io, read_all(log->read(golden_trunk, 0x5000, 0x7100))); }) == Fault::missing);
    const auto notes = run(frozen.io, frozen.repository->notes(golden_source));
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].from_position() == 0x6000);
    CHECK(run(frozen.io, frozen.repository->evidence(golden_source)).size() == 1);
}

TEST_CASE("a frozen repository verifies, and its sealed host cannot read content") {
    const auto name = GENERATE("v1-managed", "v1-sealed");
    Frozen kit{name, "kit.keys"};
    CHECK(run(kit.io, verify_source(*kit.repository, golden_source, {.level = 2})).ok());
    CHECK(run(kit.io, kit.repository->sources()) == std::vector{golden_source});

    Frozen host{name, "host.keys"};
    const auto backups = run(host.io, host.repository->backups(golden_source));
    const auto manifest = run(host.io, host.repository->manifest(golden_source, backups.at(0)));
    CHECK(manifest.content.has_value() == (name == std::string{"v1-managed"}));
}

}  // namespace varve::test

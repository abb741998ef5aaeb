#include "repository/backup_commit.hpp"

#include <catch2/catch.hpp>

#include "repository/object_keys.hpp"
#include "repository/verify.hpp"
#include "support/fault_of.hpp"
#include "support/faulty_stores.hpp"
#include "support/test_repository.hpp"

using namespace varve;
using namespace varve::test;
using namespace std::chrono_literals;

namespace {

const std::vector<Bytes> chunks{Bytes(5000, 'a'), Bytes(100, 'b')};

bool whole(TestRepository& desk, Repository& repository) {
    return run(desk.io, verify_source(repository, test_source, {.level = 2})).ok();
}

}  // namespace

TEST_CASE("a committed backup is listed, opens, and says what it fixed at its start") {
    TestRepository desk;
    auto repository = desk.open();

    const auto committed = run(desk.io, store_backup(*repository, chunks));

    const auto backups = run(desk.io, repository->backups(test_source));
    REQUIRE(backups.size() == 1);
    CHECK(backups[0].id == committed.name.id);
    CHECK(backups[0].tiers == "dm");
    CHECK(committed.copies == std::vector{RepositoryName{"copy0"}});
    const auto manifest = run(desk.io, repository->manifest(test_source, backups[0]));
    CHECK(manifest.structure.month() == "202611");
    CHECK(manifest.structure.host() == "db1");
    CHECK(manifest.structure.previous_manifest().empty());
    CHECK(manifest.structure.packs(0).folder() == "202611m");
    CHECK(from_format(manifest.structure.start_time()) == backups[0].start);
    REQUIRE(manifest.content);
    CHECK(manifest.content->facts().at("chunks") == "2");
    CHECK(whole(desk, *repository));
}

TEST_CASE("the second backup of a month has the day's tier only, and names the one before it") {
    TestRepository desk;
    auto repository = desk.open();
    const auto first = run(desk.io, store_backup(*repository, chunks));
    desk.clock.advance(24h);

    run(desk.io, store_backup(*repository, chunks));

    const auto backups = run(desk.io, repository->backups(test_source));
    REQUIRE(backups.size() == 2);
    CHECK(backups[0].tiers == "d");
    CHECK(backups[1].id == first.name.id);
    const auto manifest = run(desk.io, repository->manifest(test_source, backups[0]));
    CHECK(first.name.key.text().ends_with(to_hex(view_of(manifest.structure.previous_manifest()))));
}

TEST_CASE("a backup cut at any call is not there or is whole, and a second run finishes") {
    TestRepository desk{RepositoryMode::managed, 2};
    const auto calls = GENERATE(range(0, 14));
    const auto when = GENERATE(FailingAfter::When::before, FailingAfter::When::after);
    std::vector<std::shared_ptr<Store>> kept;
    auto repository = desk.open();
    auto cut_copies = [&](std::shared_ptr<Store> store, std::size_t number) -> std::shared_ptr<Store> {
        kept.push_back(store);
        if (number > 0) return store;
        return std::make_shared<FailingAfter>(*store, calls, FailingAfter::Options{.when = when});
    };

    bool failed = false;
    try {
        auto flaky = desk.open(cut_copies);
        run(desk.io, store_backup(*flaky, chunks));
    } catch (const Error& error) {
        failed = true;
        CHECK(error.fault() == Fault::unreachable);
    }
    for (const auto& store : desk.stores) store->lose_power();
    const auto left = run(desk.io, repository->backups(test_source));
    CAPTURE(calls, failed);
    CHECK(left.size() <= 1);
    if (!failed) CHECK(left.size() == 1);
    CHECK(whole(desk, *repository));

    desk.clock.advance(1h);
    run(desk.io, store_backup(*repository, chunks));
    CHECK(run(desk.io, repository->backups(test_source)).size() == left.size() + 1);
    CHECK(whole(desk, *repository));
}

TEST_CASE("a copy that is not required and fails midway has no manifest without its packs") {
    TestRepository desk{RepositoryMode::managed, 2};
    const auto calls = GENERATE(range(0, 9));
    std::shared_ptr<Store> kept;
    auto flaky = desk.open([&](std::shared_ptr<Store> store, std::size_t number) -> std::shared_ptr<Store> {
        if (number == 0) return store;
        kept = store;
        return std::make_shared<FailingAfter>(*store, calls);
    });

    const auto committed = run(desk.io, store_backup(*flaky, chunks));

    const bool complete = committed.copies.size() == 2;
    CAPTURE(calls);
    CHECK(committed.left_out.size() == (complete ? 0 : 1));
    auto repository = desk.open();
    CHECK(run(desk.io, repository->backups(test_source)).size() == 1);
    CHECK(whole(desk, *repository));
}

TEST_CASE("a manifest is not put when its month closed more than a week ago") {
    TestRepository desk;
    auto repository = desk.open();
    struct Row {
        std::chrono::hours late;
        bool stored;
    };
    const auto row = GENERATE(values<Row>({{0h, true}, {24h * 14, true}, {24h * 15, false}}));  // from 23 November
    auto commit = run(desk.io, BackupCommit::begin(*repository, test_source, {}, {}));
    run(desk.io, commit->put_pack(seal_pack(*repository, chunks)));
    desk.clock.advance(row.late);
    format::ManifestStructure structure;
    structure.set_source(test_source.text());
    auto finish = [&] { run(desk.io, commit->commit(structure, {})); };

    if (row.stored) CHECK_NOTHROW(finish());
    if (!row.stored) CHECK(fault_of(finish) == Fault::refused);
    CHECK(desk.keys_below("backup/").size() == (row.stored ? 1 : 0));
}

namespace {

/// A backup that needs nothing but the packs of `first`.
Task<CommittedBackup> store_again(Repository& repository, CommittedBackup first) {
    auto commit = co_await BackupCommit::begin(repository, test_source, {}, {});
    const auto manifest = co_await repository.manifest(test_source, first.name);
    format::ManifestStructure structure;
    structure.set_source(test_source.text());
    *structure.mutable_packs() = manifest.structure.packs();
    format::ManifestContent content = *manifest.content;
    co_return co_await commit->commit(std::move(structure), std::move(content));
}

std::optional<PackRule> reusable(TestRepository& desk, Repository& repository, const CommittedBackup& newest) {
    const auto commit = run(desk.io, BackupCommit::begin(repository, test_source, {}, {}));
    return run(desk.io, commit->find_reusable(newest.name.key));
}

}  // namespace

TEST_CASE("a copy that was away gets no manifest whose packs it lacks") {
    TestRepository desk{RepositoryMode::managed, 2};
    std::shared_ptr<Store> kept;
    auto without_second = desk.open([&](std::shared_ptr<Store> store, std::size_t number) -> std::shared_ptr<Store> {
        if (number == 0) return store;
        kept = store;
        return std::make_shared<FailingAfter>(*store, 0);
    });
    auto repository = desk.open();
    const auto first = run(desk.io, store_backup(*without_second, chunks));
    REQUIRE(first.left_out == std::vector{RepositoryName{"copy1"}});

    const auto second = run(desk.io, store_again(*repository, first));

    CHECK(reusable(desk, *repository, first));
    CHECK(second.left_out == std::vector{RepositoryName{"copy1"}});
    CHECK(desk.keys_below("backup/", 1).empty());
    CHECK(whole(desk, *repository));
}

TEST_CASE("a new required copy lets nothing be used again, and a backup that does so all the same fails") {
    TestRepository desk;
    const auto first = run(desk.io, store_backup(*desk.open(), chunks));
    desk.stores.push_back(std::make_shared<MemoryStore>(desk.clock));
    auto all_required = std::make_shared<Copies>(
        std::vector<Copy>{{RepositoryName{"copy0"}, desk.stores[0], true}, {RepositoryName{"copy1"}, desk.stores[1], true}});
    run(desk.io, Repository::share_config(*all_required));
    auto repository = run(desk.io, Repository::open(all_required, desk.keys.host_keys, desk.pools.pools));

    CHECK_FALSE(reusable(desk, *repository, first));
    CHECK(fault_of([&] { run(desk.io, store_again(*repository, first)); }) == Fault::missing);
    desk.clock.advance(1h);
    const auto both = run(desk.io, store_backup(*repository, chunks));
    CHECK(both.copies.size() == 2);
    CHECK(reusable(desk, *repository, both));
}

TEST_CASE("packs are used again only where the backup that remembers them is listed, and only those that lie there whole") {
    const auto mode = GENERATE(RepositoryMode::managed, RepositoryMode::sealed);
    TestRepository desk{mode};
    auto repository = desk.open();
    const auto first = run(desk.io, store_backup(*repository, chunks));
    const auto key = desk.keys_below("pack/").at(0);
    StoredPack pack{.name = *digest_of(key), .size = desk.stores[0]->bytes_of(key).size(), .folder = "202611m"};
    desk.clock.advance(1h);

    auto rule = reusable(desk, *repository, first);
    REQUIRE(rule);
    CHECK((*rule)(pack));
    pack.size += 1;
    CHECK((*rule)(pack) == (mode == RepositoryMode::sealed));  // a sealed host may not list packs
    pack.size -= 1;
    run(desk.io, desk.stores[0]->remove(key));
    CHECK((*reusable(desk, *repository, first))(pack) == (mode == RepositoryMode::sealed));
    run(desk.io, desk.stores[0]->remove(first.name.key));  // the copy was set back to an older state
    CHECK_FALSE(reusable(desk, *repository, first));
}

TEST_CASE("a backup that lists packs of a month without backups fails") {
    TestRepository desk;
    auto repository = desk.open();
    const auto first = run(desk.io, store_backup(*repository, chunks));
    const auto manifest = run(desk.io, repository->manifest(test_source, first.name));
    run(desk.io, desk.stores[0]->remove(first.name.key));
    run(desk.io, desk.stores[0]->remove(desk.keys_below("pack/").at(0)));

    auto commit = run(desk.io, BackupCommit::begin(*repository, test_source, {}, {}));
    CHECK(fault_of([&] { run(desk.io, commit->commit(manifest.structure, *manifest.content)); }) == Fault::missing);
    CHECK(desk.keys_below("backup/").empty());
}

TEST_CASE("backups of one second have an order, however many there are and when the clock steps back") {
    TestRepository desk;
    auto repository = desk.open();
    std::vector<BackupId> made;

    for (int i = 0; i < 4; ++i) made.push_back(run(desk.io, store_backup(*repository, chunks)).name.id);
    desk.clock.advance(-3s);
    made.push_back(run(desk.io, store_backup(*repository, chunks)).name.id);

    const auto backups = run(desk.io, repository->backups(test_source));
    REQUIRE(backups.size() == made.size());
    for (std::size_t i = 0; i < made.size(); ++i) CHECK(backups[made.size() - 1 - i].id == made[i]);
    for (std::size_t i = 1; i < backups.size(); ++i) CHECK(backups[i].start < backups[i - 1].start);
}

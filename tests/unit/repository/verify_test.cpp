#include "repository/verify.hpp"

#include <catch2/catch.hpp>

#include "repository/object_keys.hpp"
#include "support/fault_of.hpp"
#include "support/faulty_stores.hpp"
#include "support/temp_dir.hpp"
#include "support/test_repository.hpp"

using namespace varve;
using namespace varve::test;

namespace {

/// Two copies with a backup, a piece of log and a note in each.
struct Desk : TestRepository {
    Desk() : TestRepository{RepositoryMode::managed, 2} {
        repository = open();
        backup = run(io, store_backup(*repository, {Bytes(5000, 'a'), to_bytes(view_of("second chunk"))}));
        log = run(io, store_log(*repository, LineageName{"1"}, 100, 200));
        format::NoteStructure statement;
        statement.set_kind("gap");
        note = run(io, repository->put_note(test_source, statement));
    }
    VerifyResult verify(int level, Repository& seen) { return run(io, verify_source(seen, test_source, {.level = level})); }
    VerifyResult verify(int level) { return verify(level, *repository); }

    std::unique_ptr<Repository> repository;
    CommittedBackup backup;
    ObjectKey log, note;
};

}  // namespace

TEST_CASE("a whole repository verifies at every level") {
    Desk desk;
    const auto level = GENERATE(0, 1, 2);

    const auto result = desk.verify(level);

    CHECK(result.ok());
    CHECK(result.objects == (level == 0 ? 0u : 10u));  // config, pack, manifest, log, note in two copies
    CHECK(result.objects_left == 0);
}

TEST_CASE("the SHA-256 of every stored object is what its key ends in") {
    Desk desk;

    for (const auto& key : desk.keys_below("")) CHECK(digest_of(key) == sha256(desk.stores[0]->bytes_of(key)));
}

TEST_CASE("a flipped byte in any kind of object is found in its copy by name, and everything else is good") {
    Desk desk;
    const auto kind = GENERATE(values<std::string>({"config/", "pack/", "backup/", "log/", "note/"}));
    const auto key = desk.keys_below(kind).at(0);
    desk.damage(1, key, desk.stores[1]->bytes_of(key).size() / 2);

    const auto result = desk.verify(1);

    CAPTURE(kind);
    REQUIRE(result.damaged.size() == 1);
    CHECK(result.damaged[0].copy == RepositoryName{"copy1"});
    CHECK(result.damaged[0].key == key);
    CHECK(run(desk.io, desk.repository->copies().get(key)) == desk.stores[0]->bytes_of(key));
}

TEST_CASE("an object damaged in every copy is refused with its name, and everything else still reads") {
    Desk desk;
    desk.damage(0, desk.log, 300);
    desk.damage(1, desk.log, 300);
    const auto logs = run(desk.io, desk.repository->logs(test_source));
    REQUIRE(logs.size() == 1);

    try {
        run(desk.io, desk.repository->log_object(test_source, logs[0], Repository::LogPart::content));
        FAIL("it was read");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::corrupt);
        CHECK(error.exit_code() == 13);
        CHECK(error.sentence().find(desk.log.text()) != std::string::npos);
    }
    const auto manifest = run(desk.io, desk.repository->manifest(test_source, desk.backup.name));
    CHECK(manifest.content->facts().at("chunks") == "2");
    CHECK(run(desk.io, desk.repository->notes(test_source)).size() == 1);
}

TEST_CASE("a pack that is missing or shorter is found by names alone") {
    Desk desk;
    const auto pack = desk.keys_below("pack/").at(0);
    SECTION("missing") { run(desk.io, desk.stores[1]->remove(pack)); }
    SECTION("shorter") { desk.stores[1]->bytes_of(pack).pop_back(); }

    const auto result = desk.verify(0);

    REQUIRE(result.damaged.size() == 1);
    CHECK(result.damaged[0].key == pack);
    CHECK(result.damaged[0].copy == RepositoryName{"copy1"});
    CHECK(result.damaged[0].what.find(desk.backup.name.id.text()) != std::string::npos);
    CHECK(evidence_of(result, {.level = 0}).damaged(0) == pack.text());
    CHECK_FALSE(evidence_of(result, {.level = 0}).ok());
}

TEST_CASE("a pack that another source's key made is found at level 2 only") {
    Desk desk;
    const auto keys = desk.repository->source_keys(test_source);
    ObjectWriter writer{ObjectType::pack, desk.repository->sealing(test_source), 0};
    format::PackStructure structure;
    structure.add_sealed_lengths(writer.add(view_of("content"), 0).sealed_length);
    structure.set_chunk_ids(std::string(32, 'x'));
    const auto pack = writer.finish(view_of(structure.SerializeAsString()));
    const auto key = pack_key(stored_name(keys, test_source), "202611d", pack.name);
    run(desk.io, desk.stores[0]->put(key, pack.bytes, {}));

    CHECK(desk.verify(1).ok());
    const auto result = desk.verify(2);
    REQUIRE(result.damaged.size() == 1);
    CHECK(result.damaged[0].key == key);
}

TEST_CASE("level 2 needs a key that reads content, and the kit has one") {
    TestRepository desk{RepositoryMode::sealed};
    auto host = desk.open();
    run(desk.io, store_backup(*host, {Bytes(100, 'a')}));
    run(desk.io, store_log(*host, LineageName{"1"}, 0, 10));
    auto kit = desk.open(desk.keys.recovery_kit);

    CHECK(fault_of([&] { run(desk.io, verify_source(*host, test_source, {.level = 2})); }) == Fault::denied);
    const auto result = run(desk.io, verify_source(*kit, test_source, {.level = 2}));
    CHECK(result.ok());
    CHECK(result.objects == 4);
}

TEST_CASE("a copy that does not answer is said, and the others are verified") {
    Desk desk;
    const auto calls = GENERATE(0, 3, 8);
    std::shared_ptr<Store> kept;
    auto repository = desk.open([&](std::shared_ptr<Store> store, std::size_t number) -> std::shared_ptr<Store> {
        if (number == 0) return store;
        kept = store;
        return std::make_shared<FailingAfter>(*store, calls);
    });

    const auto result = desk.verify(1, *repository);

    CHECK(result.unanswered == std::vector{RepositoryName{"copy1"}});
    CHECK(result.damaged.empty());
    CHECK(result.objects >= 5);
    CHECK_FALSE(result.ok());
}

TEST_CASE("a budget checks what was never checked first, in the end everything, and does not forget damage") {
    Desk desk;
    TempDir memory;
    std::uint64_t largest = 0, checked = 0;
    for (const auto& key : desk.keys_below("")) {
        largest = std::max<std::uint64_t>(largest, desk.stores[0]->bytes_of(key).size());
    }
    const VerifyOrder order{.level = 1, .bytes_max = largest, .memory = memory.path()};
    desk.damage(1, desk.log, 10);

    VerifyResult last;
    for (int round = 0; round < 6; ++round) {
        desk.clock.advance(std::chrono::hours{24});
        last = run(desk.io, verify_source(*desk.repository, test_source, order));
        checked += last.objects;
    }

    CHECK(checked >= 10);
    REQUIRE(last.damaged.size() == 1);
    CHECK(last.damaged[0].key == desk.log);
}

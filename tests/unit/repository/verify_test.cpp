#include "repository/verify.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "pipeline/file_list.hpp"
#include "repository/object_keys.hpp"
#include "repository/verify_memory.hpp"
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

// ---------------------------------------------------------------------------------------------- what nobody looked at before

namespace {

bool names(const VerifyResult& result, const ObjectKey& key) {
    return std::ranges::any_of(result.damaged, [&](const DamagedObject& one) { return one.key == key; });
}

/// Two copies, both required, with two backups, and log; everything is an hour old.
struct Pair : TestRepository {
    Pair() : TestRepository{RepositoryMode::managed, 2} {
        auto copies = std::make_shared<Copies>(
            std::vector<Copy>{{RepositoryName{"copy0"}, stores[0], true}, {RepositoryName{"copy1"}, stores[1], true}});
        repository = run(io, Repository::open(copies, keys.host_keys, pools.pools));
        for (int i = 0; i < 3; ++i) {
            backups.push_back(run(io, store_backup(*repository, {Bytes(100, static_cast<std::uint8_t>(i))})));
            packs.push_back(keys_of_backup(backups.back()));
            clock.advance(std::chrono::hours{24});
        }
        log = run(io, store_log(*repository, LineageName{"1"}, 100, 200));
        clock.advance(std::chrono::hours{1});
    }
    ObjectKey keys_of_backup(const CommittedBackup& backup) {
        const auto structure = run(io, repository->manifest(test_source, backup.name)).structure;
        const auto folder = stored_name(repository->source_keys(test_source), test_source);
        return ObjectKey{"pack/" + folder + "/" + structure.packs(0).folder() + "/" + to_hex(view_of(structure.packs(0).name()))};
    }
    VerifyResult verify(int level, std::filesystem::path memory = {}) {
        return run(io, verify_source(*repository, test_source, {.level = level, .memory = std::move(memory)}));
    }
    void remove(std::size_t copy, const ObjectKey& key) { run(io, stores[copy]->remove(key)); }

    std::unique_ptr<Repository> repository;
    std::vector<CommittedBackup> backups;
    std::vector<ObjectKey> packs;
    ObjectKey log;
};

/// A manifest that is whole, and neither ours nor of a format that is known.
ObjectKey store_strange_manifest(TestRepository& desk, const Repository& repository, bool foreign_signer) {
    auto sealing = repository.sealing(test_source);
    if (foreign_signer) sealing.signer = Secret::random();
    ObjectWriter writer{ObjectType::manifest, sealing, 1000};
    format::ManifestStructure structure;
    structure.set_source(test_source.text());
    structure.set_tiers("d");
    structure.set_start_time(to_format(desk.clock.now()));
    structure.add_sealed_lengths(writer.add(view_of(std::string{}), 3).sealed_length);
    auto object = writer.finish(view_of(structure.SerializeAsString()));
    if (!foreign_signer) {
        object.bytes[9] = 99;  // the format's version
        object.name = sha256(object.bytes);
    }
    const auto folder = stored_name(repository.source_keys(test_source), test_source);
    auto key = backup_key(folder, desk.clock.now(), "d", object.name);
    for (const auto& store : desk.stores) run(desk.io, store->put(key, object.bytes, {}));
    return key;
}

/// A backup of one file; the list lies in a pack of its own.
Task<CommittedBackup> store_listed_backup(Repository& repository, SealedObject pack, format::FileEntry entry) {
    auto commit = co_await BackupCommit::begin(repository, test_source, {}, {});
    Bytes list;
    const auto message = entry.SerializeAsString();
    append_length(list, message.size());
    append(list, view_of(message));
    auto list_pack = seal_pack(repository, {list});
    const ObjectReader reader{list_pack.bytes, ObjectType::pack, repository.keys().repository, repository.opening(test_source)};
    const auto id_key = repository.source_keys(test_source).id;
    ChunkEntry place{.id = hmac_sha256(id_key.view(), list),
                     .pack = {},
                     .offset = reader.place(0).offset,
                     .sealed_length = reader.place(0).sealed_length};
    std::ranges::copy(ByteView{list_pack.name}.first(place.pack.size()), place.pack.begin());
    Bytes places;
    append_chunk_entry(places, place);

    format::ManifestStructure structure;
    structure.set_source(test_source.text());
    for (const auto* one : {&pack, &list_pack}) {
        auto& use = *structure.add_packs();
        use.set_name(one->name.data(), one->name.size());
        use.set_size(one->bytes.size());
        use.set_folder(commit->folder());
    }
    format::ManifestContent content;
    content.set_id_key(id_key.view().data(), id_key.view().size());
    content.set_list_levels(1);
    content.set_list_chunks(places.data(), places.size());
    content.add_list_lengths(static_cast<std::uint32_t>(list.size()));
    content.set_list_bytes(list.size());
    co_await commit->put_pack(std::move(pack));
    co_await commit->put_pack(std::move(list_pack));
    co_return co_await commit->commit(std::move(structure), std::move(content));
}

}  // namespace

TEST_CASE("a manifest of a foreign signer or an unknown format is named, and everything else is looked at") {
    Desk desk;
    const auto level = GENERATE(0, 1, 2);
    const bool foreign = GENERATE(true, false);
    const auto key = store_strange_manifest(desk, *desk.repository, foreign);

    const auto result = desk.verify(level);

    CAPTURE(level, foreign);
    REQUIRE(result.damaged.size() == 2);
    CHECK(result.damaged[0].key == key);
    CHECK(result.damaged[1].key == key);
    CHECK(result.unanswered.empty());
    CHECK(result.objects == (level == 0 ? 0u : 12u));
    try {
        const auto backups = run(desk.io, desk.repository->backups(test_source));
        const auto strange = std::ranges::find(backups, key, &BackupName::key);
        REQUIRE(strange != backups.end());
        run(desk.io, desk.repository->manifest(test_source, *strange));
        FAIL("it was read");
    } catch (const Error& error) {
        CHECK(error.exit_code() == (foreign ? 77 : 14));
    }
}

TEST_CASE("a source none of whose objects can be opened is looked at all the same") {
    Desk desk;
    const auto level = GENERATE(0, 1);
    const bool with_archive_key = GENERATE(true, false);
    for (const auto& key : {desk.backup.name.key, desk.log}) {
        desk.damage(0, key, 300);
        desk.damage(1, key, 300);
    }
    const auto seen = with_archive_key ? desk.open() : desk.open(desk.keys.recovery_kit);

    const auto subjects = run(desk.io, verify_subjects(*seen, {test_source, SourceName{"pg/never"}}));

    REQUIRE(subjects.size() == 1);
    CHECK(subjects[0].source.has_value() == with_archive_key);
    const auto result = run(desk.io, verify_subject(*seen, subjects[0], {.level = level}));
    CHECK(result.backups == 1);
    CHECK(names(result, desk.backup.name.key));
    if (level == 1 || !with_archive_key) CHECK(names(result, desk.log));
    if (!with_archive_key)
        CHECK(fault_of([&] { run(desk.io, verify_source(*seen, test_source, {.level = 0})); }) == Fault::missing);
}

TEST_CASE("another host's source is no damage where no key opens it") {
    TestRepository desk{RepositoryMode::sealed};
    auto host = desk.open();
    run(desk.io, store_backup(*host, {Bytes(100, 'a')}));
    KeyRing other = desk.keys.host_keys;
    other.archive = Secret::random();
    auto seen = desk.open(other);

    const auto subjects = run(desk.io, verify_subjects(*seen, {}));

    REQUIRE(subjects.size() == 1);
    CHECK_FALSE(subjects[0].source);
    CHECK(run(desk.io, verify_subject(*seen, subjects[0], {.level = 1})).ok());
}

TEST_CASE("a hole in a required copy is found by names alone, and which backups it harms") {
    Pair desk;
    CHECK(desk.verify(0).ok());
    const auto victim = GENERATE(0, 1, 2);
    const auto key = victim == 0 ? desk.backups[1].name.key : victim == 1 ? desk.packs[1] : desk.log;
    desk.remove(1, key);

    const auto result = desk.verify(0);

    REQUIRE(result.damaged.size() == 1);
    CHECK(result.damaged[0].key == key);
    CHECK(result.damaged[0].copy == RepositoryName{"copy1"});
    if (victim < 2) CHECK(result.damaged[0].backups == std::vector{desk.backups[1].name.id});
}

TEST_CASE("log that another object covers, and what may still be on its way, is no hole") {
    Pair desk;
    desk.remove(1, desk.log);
    auto second = std::make_shared<Copies>(std::vector<Copy>{{RepositoryName{"copy1"}, desk.stores[1], true}});
    auto alone = run(desk.io, Repository::open(second, desk.keys.host_keys, desk.pools.pools));
    run(desk.io, store_log(*alone, LineageName{"1"}, 100, 150));
    run(desk.io, store_log(*alone, LineageName{"1"}, 150, 200));
    CHECK(desk.verify(0).ok());

    run(desk.io, store_log(*desk.repository, LineageName{"1"}, 200, 300));
    desk.remove(1, desk.keys_below("log/", 0).back());
    CHECK(desk.verify(0).ok());
    desk.clock.advance(std::chrono::hours{1});
    CHECK_FALSE(desk.verify(0).ok());
}

TEST_CASE("a manifest that every copy lost is missed by the backup after it") {
    Pair desk;
    for (const std::size_t copy : {0u, 1u}) desk.remove(copy, desk.backups[1].name.key);

    const auto result = desk.verify(0);

    REQUIRE(result.damaged.size() == 2);
    const auto lost = to_hex(*digest_of(desk.backups[1].name.key));
    CHECK(result.damaged[0].key.text().ends_with(lost));
    CHECK(result.damaged[0].what.find(desk.backups[2].name.id.text()) != std::string::npos);
}

TEST_CASE("a copy that lost its config, or holds that of another repository, is not whole") {
    Pair desk;
    TestRepository other;
    const auto own = desk.keys_below("config/").at(0);
    const auto foreign = other.keys_below("config/").at(0);
    desk.remove(1, own);
    run(desk.io, desk.stores[1]->put(foreign, other.stores[0]->bytes_of(foreign), {}));

    const auto result = desk.verify(0);

    REQUIRE(result.damaged.size() == 2);
    CHECK(names(result, own));
    CHECK(names(result, foreign));
    CHECK(result.damaged[0].copy == RepositoryName{"copy1"});
    CHECK(result.damaged[1].copy == RepositoryName{"copy1"});
}

TEST_CASE("a list that names a chunk where there is none, or of another length, is found at level 2") {
    TestRepository desk;
    auto repository = desk.open();
    const Bytes chunk(100, 'a');
    const auto pack = seal_pack(*repository, {chunk});
    const ObjectReader reader{pack.bytes, ObjectType::pack, repository->keys().repository, repository->opening(test_source)};
    const auto place = reader.place(0);
    const auto way = GENERATE(0, 1, 2);
    format::FileEntry entry;
    entry.set_path("file");
    entry.set_size(way == 2 ? 99 : 100);
    entry.add_chunk_lengths(way == 2 ? 99 : 100);
    ChunkEntry named{.id = hmac_sha256(repository->source_keys(test_source).id.view(), chunk),
                     .pack = {},
                     .offset = place.offset + (way == 1 ? 1 : 0),
                     .sealed_length = place.sealed_length};
    std::ranges::copy(ByteView{pack.name}.first(named.pack.size()), named.pack.begin());
    Bytes chunks;
    append_chunk_entry(chunks, named);
    entry.set_chunks(chunks.data(), chunks.size());
    const auto committed = run(desk.io, store_listed_backup(*repository, pack, entry));

    const auto result = run(desk.io, verify_source(*repository, test_source, {.level = 2}));

    CAPTURE(way);
    CHECK(run(desk.io, verify_source(*repository, test_source, {.level = 1})).ok());
    REQUIRE(result.damaged.size() == (way == 0 ? 0 : 1));
    if (way == 0) return;
    CHECK(result.damaged[0].key == committed.name.key);
    CHECK(result.damaged[0].backups == std::vector{committed.name.id});
}

TEST_CASE("a budget below the size of one object still reads one") {
    Desk desk;

    const auto result = run(desk.io, verify_source(*desk.repository, test_source, {.level = 1, .bytes_max = 1}));

    CHECK(result.objects == 2);  // one of each copy
    CHECK(result.objects_left == 8);
    CHECK(run(desk.io, verify_source(*desk.repository, test_source, {.level = 1, .bytes_max = 0})).objects == 0);
}

TEST_CASE("what a verification found lost or damaged is known until another finds it whole") {
    Desk desk;
    TempDir memory;
    const auto level = GENERATE(0, 1);
    const auto pack = desk.keys_below("pack/").at(0);
    const auto good = desk.stores[1]->bytes_of(pack);
    if (level == 0) desk.stores[1]->bytes_of(pack).pop_back();
    if (level == 1) desk.damage(1, pack, 300);
    const VerifyOrder order{.level = level, .memory = memory.path()};

    run(desk.io, verify_source(*desk.repository, test_source, order));

    CHECK(KnownDamage::read(memory.path()).contains(*digest_of(pack)));
    desk.stores[1]->bytes_of(pack) = good;
    run(desk.io, verify_source(*desk.repository, test_source, order));
    CHECK_FALSE(KnownDamage::read(memory.path()).contains(*digest_of(pack)));
    CHECK_FALSE(KnownDamage::read(memory / "none").contains(*digest_of(pack)));
}

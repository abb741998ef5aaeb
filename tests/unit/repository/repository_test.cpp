#include "repository/repository.hpp"

#include <catch2/catch.hpp>

#include "repository/config_chain.hpp"
#include "repository/config_check.hpp"
#include "repository/object_keys.hpp"
#include "support/fault_of.hpp"
#include "support/faulty_stores.hpp"
#include "support/test_repository.hpp"

using namespace varve;
using namespace varve::test;

TEST_CASE("a managed host holds every role but escrow, and the kit holds what opens everything") {
    const auto keys = make_keys(RepositoryMode::managed, "db1");

    CHECK((keys.host_keys.archive && keys.host_keys.restore && keys.host_keys.maintain && keys.host_keys.host &&
           keys.host_keys.admin));
    CHECK_FALSE(keys.host_keys.escrow);
    CHECK((keys.recovery_kit.escrow && keys.recovery_kit.admin && keys.recovery_kit.restore));
    CHECK_FALSE((keys.recovery_kit.archive || keys.recovery_kit.host));
}

TEST_CASE("a sealed host holds archive and host, and nothing that reads content or signs config") {
    const auto keys = make_keys(RepositoryMode::sealed, "db1");

    CHECK((keys.host_keys.archive && keys.host_keys.host));
    CHECK_FALSE((keys.host_keys.restore || keys.host_keys.maintain || keys.host_keys.escrow || keys.host_keys.admin));
    CHECK((keys.recovery_kit.restore && keys.recovery_kit.maintain && keys.recovery_kit.escrow && keys.recovery_kit.admin));
}

TEST_CASE("a new repository opens with its host's keys and with its kit, from every copy") {
    const auto mode = GENERATE(RepositoryMode::managed, RepositoryMode::sealed);
    TestRepository desk{mode, 2};

    for (const auto* ring : {&desk.keys.host_keys, &desk.keys.recovery_kit}) {
        const auto repository = desk.open(*ring);
        CHECK(repository->config().generation() == 1);
        CHECK(repository->config().mode() == (mode == RepositoryMode::sealed ? "sealed" : "managed"));
        CHECK(repository->signers().size() == 1);
    }
    CHECK(desk.keys_below("config/", 0) == desk.keys_below("config/", 1));
    CHECK(desk.keys_below("config/").size() == 1);
}

TEST_CASE("a repository is not created where there is one, and no keys are made then") {
    TestRepository desk;
    bool asked = false;
    auto save = [&](const NewRepository&) -> Task<> {
        asked = true;
        co_return;
    };

    const auto copies = desk.copies();
    CHECK(fault_of([&] { run(desk.io, Repository::create(*copies, RepositoryMode::managed, "db2", save)); }) == Fault::conflict);
    CHECK_FALSE(asked);
}

TEST_CASE("a creation cut at any call is finished with the same keys") {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    TestPools pools;
    const auto calls = GENERATE(range(0, 8));
    auto first = std::make_shared<MemoryStore>(clock), second = std::make_shared<MemoryStore>(clock);
    auto copies_of = [](std::shared_ptr<Store> a, std::shared_ptr<Store> b) {
        return std::make_shared<Copies>(
            std::vector<Copy>{{RepositoryName{"a"}, std::move(a), true}, {RepositoryName{"b"}, std::move(b), true}});
    };
    auto flaky = std::make_shared<FailingAfter>(*second, calls);
    const auto keys = make_keys(RepositoryMode::managed, "db1");

    try {
        run(io, Repository::create(*copies_of(first, flaky), keys));
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::unreachable);
    }
    run(io, Repository::create(*copies_of(first, second), keys));

    CHECK(first->keys() == second->keys());
    CHECK(first->size() == 1);
    CHECK_NOTHROW(run(io, Repository::open(copies_of(first, second), keys.host_keys, pools.pools)));
}

TEST_CASE("a further copy gets the config of the repository, and a copy of another one is refused") {
    TestRepository desk, other;
    auto fresh = std::make_shared<MemoryStore>(desk.clock);
    Copies with_fresh{{{RepositoryName{"a"}, desk.stores[0], true}, {RepositoryName{"b"}, fresh, true}}};
    Copies with_other{{{RepositoryName{"a"}, desk.stores[0], true}, {RepositoryName{"b"}, other.stores[0], true}}};
    Copies empty{{{RepositoryName{"a"}, std::make_shared<MemoryStore>(desk.clock), true}}};

    run(desk.io, Repository::share_config(with_fresh));
    CHECK(fresh->keys() == desk.stores[0]->keys());
    CHECK(fault_of([&] { run(desk.io, Repository::share_config(with_other)); }) == Fault::conflict);
    CHECK(fault_of([&] { run(desk.io, Repository::share_config(empty)); }) == Fault::missing);
}

TEST_CASE("a place with an archive whose config was lost gets no new keys, and its config back from another copy") {
    TestRepository desk{RepositoryMode::managed, 2};
    const auto kind = GENERATE(values<std::string>({"backup/", "pack/", "log/"}));
    auto repository = desk.open();
    run(desk.io, store_backup(*repository, {Bytes(100, 'a')}));
    run(desk.io, store_log(*repository, LineageName{"1"}, 0, 10));
    for (const auto& key : desk.keys_below("", 1)) {
        if (!key.text().starts_with(kind)) run(desk.io, desk.stores[1]->remove(key));
    }
    auto alone = std::make_shared<Copies>(std::vector<Copy>{{RepositoryName{"b"}, desk.stores[1], true}});
    bool saved = false;
    auto save = [&](const NewRepository&) -> Task<> {
        saved = true;
        co_return;
    };

    CHECK(fault_of([&] { run(desk.io, Repository::create(*alone, RepositoryMode::managed, "db1", save)); }) == Fault::conflict);
    CHECK(fault_of([&] { run(desk.io, Repository::create(*alone, desk.keys)); }) == Fault::conflict);
    CHECK_FALSE(saved);
    CHECK(desk.keys_below("config/", 1).empty());
    run(desk.io, Repository::share_config(*desk.copies()));
    CHECK(desk.keys_below("config/", 1) == desk.keys_below("config/", 0));
}

TEST_CASE("a config object that is none does not keep a repository from being opened, wherever it sorts") {
    TestRepository desk;
    const auto own = desk.keys_below("config/").at(0);
    const bool first = GENERATE(true, false);
    for (int i = 0;; ++i) {
        const auto junk = to_bytes(view_of("no config, number " + std::to_string(i)));
        const auto key = config_key(1, sha256(junk));
        if ((key < own) != first) continue;
        run(desk.io, desk.stores[0]->put(key, junk, {}));
        break;
    }

    CHECK(desk.open()->config().generation() == 1);
}

TEST_CASE("a copy without the config of its repository, or with that of another, is told apart from a good one") {
    TestRepository desk{RepositoryMode::managed, 2}, other;
    auto repository = desk.open();
    const auto troubles = [&] { return run(desk.io, config_troubles(*repository, repository->copies().all()[1])); };
    CHECK(troubles().empty());

    const auto own = desk.keys_below("config/", 1).at(0);
    const auto object = desk.stores[1]->bytes_of(own);
    run(desk.io, desk.stores[1]->remove(own));
    CHECK(troubles() == std::vector<std::string>{"it lacks generation 1 of the repository's config"});
    const auto foreign = other.keys_below("config/").at(0);
    run(desk.io, desk.stores[1]->put(foreign, other.stores[0]->bytes_of(foreign), {}));
    REQUIRE(troubles().size() == 2);
    CHECK(troubles()[0] == foreign.text() + ": it belongs to another repository");
    run(desk.io, desk.stores[1]->put(own, object, {}));
    CHECK(troubles().size() == 1);
}

TEST_CASE("an empty store is no repository, and another repository's keys open nothing") {
    TestRepository desk, other;
    auto open = [&](std::shared_ptr<Copies> copies, const KeyRing& ring) {
        try {
            run(desk.io, Repository::open(std::move(copies), ring, desk.pools.pools));
        } catch (const Error& error) {
            return error.exit_code();
        }
        return 0;
    };
    auto empty =
        std::make_shared<Copies>(std::vector<Copy>{{RepositoryName{"a"}, std::make_shared<MemoryStore>(desk.clock), true}});

    CHECK(open(empty, desk.keys.host_keys) == 10);
    CHECK(open(desk.copies(), other.keys.host_keys) == 12);
    desk.damage(0, desk.keys_below("config/")[0], 80);
    CHECK(open(desk.copies(), desk.keys.host_keys) == 13);
}

TEST_CASE("a format or feature this build does not know is refused as too new") {
    TestRepository desk;
    auto config = desk.open()->config();
    struct Row {
        const char* what;
        bool opens, writes;
    };
    const auto row = GENERATE(
        values<Row>({{"format", false, false}, {"read", false, false}, {"write", true, false}, {"collect", true, true}}));
    config.set_generation(2);
    if (row.what == std::string{"format"}) config.set_format_version(2);
    if (row.what == std::string{"read"}) config.add_features_to_read("mirrors");
    if (row.what == std::string{"write"}) config.add_features_to_write("mirrors");
    if (row.what == std::string{"collect"}) config.add_features_to_collect("mirrors");
    const auto object = write_config(config, *desk.keys.host_keys.admin);
    run(desk.io, desk.stores[0]->put(config_key(2, object.name), object.bytes, {}));

    CAPTURE(row.what);
    if (!row.opens) {
        CHECK(fault_of([&] { desk.open(); }) == Fault::unsupported);
        return;
    }
    const auto repository = desk.open();
    if (row.writes) CHECK_NOTHROW(repository->sealing(test_source));
    if (!row.writes) CHECK(fault_of([&] { repository->sealing(test_source); }) == Fault::unsupported);
}

TEST_CASE("the highest generation that the admin before it signed rules") {
    TestRepository desk;
    auto config = desk.open()->config();
    const auto second_admin = Secret::random(), stranger = Secret::random();
    auto put = [&](std::uint32_t generation, const Secret& admin) {
        config.set_generation(generation);
        const auto object = write_config(config, admin);
        run(desk.io, desk.stores[0]->put(config_key(generation, object.name), object.bytes, {}));
    };
    const auto admin_key = ed25519_public(second_admin);
    config.add_admins(std::string{admin_key.begin(), admin_key.end()});
    put(2, *desk.keys.host_keys.admin);
    put(3, second_admin);
    put(4, stranger);

    CHECK(desk.open()->config().generation() == 3);
}

TEST_CASE("a first config that someone else signed for the same repository does not count") {
    TestRepository desk;
    auto config = desk.open()->config();
    const auto thief = Secret::random();
    const auto thief_key = ed25519_public(thief);
    config.clear_admins();
    config.add_admins(std::string{thief_key.begin(), thief_key.end()});
    config.clear_hosts();
    const auto object = write_config(config, thief);
    run(desk.io, desk.stores[0]->put(config_key(1, object.name), object.bytes, {}));

    CHECK(desk.open()->config().hosts_size() == 1);
}

TEST_CASE("a note is read by everyone who holds maintain, and only an admin can lift what protects") {
    TestRepository desk{RepositoryMode::sealed};
    auto host = desk.open();
    auto kit = desk.open(desk.keys.recovery_kit);
    format::NoteStructure note;
    note.set_kind("gap");
    note.set_reason("the slot was gone: \xE9t\xE9");
    note.set_from_position(10);
    note.set_to_position(20);

    const auto key = run(desk.io, host->put_note(test_source, note));
    note.set_kind("release");
    CHECK(fault_of([&] { run(desk.io, host->put_note(test_source, note)); }) == Fault::denied);

    CHECK(find_statement_key("note", key));
    CHECK(digest_of(key) == sha256(desk.stores[0]->bytes_of(key)));
    const auto notes = run(desk.io, host->notes(test_source));
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].reason() == note.reason());
    CHECK(notes[0].host() == "db1");
    CHECK(from_format(notes[0].time()) == desk.clock.now());
}

TEST_CASE("a note that a host signed beyond its right does not count, a damaged one neither, and others are still read") {
    TestRepository desk;
    auto repository = desk.open();
    format::NoteStructure note;
    note.set_kind("suspect");
    run(desk.io, repository->put_note(test_source, note));
    desk.clock.advance(std::chrono::seconds{1});
    const auto damaged = run(desk.io, repository->put_note(test_source, note));
    desk.damage(0, damaged, 100);

    // A broken-into host writes a release with its own key.
    note.set_kind("release");
    note.set_source(test_source.text());
    ObjectWriter writer{ObjectType::note, repository->sealing(test_source), 0};
    const auto forged = writer.finish(view_of(note.SerializeAsString()));
    const auto folder = run(desk.io, repository->find_folder(test_source));
    run(desk.io, desk.stores[0]->put(statement_key("note", *folder, desk.clock.now(), forged.name), forged.bytes, {}));

    const auto notes = run(desk.io, repository->notes(test_source));
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].kind() == "suspect");
}

TEST_CASE("evidence is stored and read back") {
    TestRepository desk;
    auto repository = desk.open();
    format::EvidenceStructure evidence;
    evidence.set_kind("drill");
    evidence.set_ok(true);

    run(desk.io, repository->put_evidence(test_source, evidence));

    const auto found = run(desk.io, repository->evidence(test_source));
    REQUIRE(found.size() == 1);
    CHECK(found[0].ok());
    CHECK(found[0].source() == test_source.text());
}

TEST_CASE("an object whose name is not of the format is passed over, not fatal") {
    TestRepository desk;
    auto repository = desk.open();
    const auto folder = run(desk.io, repository->find_folder(test_source));
    for (const auto* top : {"backup/", "log/", "note/"}) {
        run(desk.io, desk.stores[0]->put(ObjectKey{top + *folder + "/README"}, view_of("hello"), {}));
    }

    CHECK(run(desk.io, repository->backups(test_source)).empty());
    CHECK(run(desk.io, repository->logs(test_source)).empty());
    CHECK(run(desk.io, repository->notes(test_source)).empty());
}

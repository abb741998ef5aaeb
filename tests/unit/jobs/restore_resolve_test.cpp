// What a restore chooses when copies of the repository are silent, or backups are damaged.
#include "jobs/restore_resolve.hpp"

#include <catch2/catch.hpp>

#include "support/faulty_stores.hpp"
#include "support/idle_driver.hpp"
#include "support/test_repository.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace varve::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

/// Restores each backup as it is.
class PlainDriver final : public IdleDriver {
public:
    Task<ResolvedTarget> resolve(Target target, const BackupFacts&, LogSource*) override {
        co_return ResolvedTarget{.target = std::move(target), .position = {}, .explanation = "as it is"};
    }
};

/// Two copies with two backups, an hour apart; the second copy is required or not.
struct Desk {
    explicit Desk(bool required) : second_required{required} {
        auto both = [this](std::shared_ptr<Store> second) {
            auto copies = std::make_shared<Copies>(std::vector<Copy>{{RepositoryName{"near"}, desk.stores[0], true},
                                                                     {RepositoryName{"far"}, second, second_required}});
            return run(desk.io, Repository::open(copies, desk.keys.host_keys, desk.pools.pools));
        };
        repository = both(desk.stores[1]);
        for (auto* committed : {&older, &newer}) {
            *committed = run(desk.io, store_backup(*repository, {Bytes(100, 'a')})).name;
            desk.clock.advance(1h);
        }
        silent = both(std::make_shared<FailingAfter>(*desk.stores[1], 0, FailingAfter::Options{.only = "list"}));
        source.setup.name = test_source;
        source.driver = std::make_unique<PlainDriver>();
    }

    Resolution resolve_in(Repository& in, const RestoreOrder& order) {
        JobContext context{in, desk.pools.pools, desk.clock, [] { return 0.0; }};
        auto work = [&]() -> Task<Resolution> {
            const auto view = co_await read_archive(context, source);
            co_return co_await resolve(context, source, order, view);
        };
        return run(desk.io, work());
    }
    /// The id of the backup, or the exit code of the refusal.
    std::string looked_into(Repository& in, const RestoreOrder& order) {
        JobContext context{in, desk.pools.pools, desk.clock, [] { return 0.0; }};
        try {
            const auto view = run(desk.io, read_archive(context, source));
            return choose_backup(context, order, view).base.text();
        } catch (const Error& error) {
            return "exit " + std::to_string(error.exit_code());
        }
    }
    Error refusal(Repository& in, const RestoreOrder& order) {
        try {
            resolve_in(in, order);
        } catch (const Error& error) {
            return error;
        }
        return Error{Fault::defect, "it was not refused"};
    }

    TestRepository desk{RepositoryMode::managed, 2};
    bool second_required;
    std::unique_ptr<Repository> repository, silent;
    BackupName older, newer;
    Source source;
};

RestoreOrder order_of(Target::Kind kind) {
    RestoreOrder order;
    order.target.kind = kind;
    return order;
}

}  // namespace

TEST_CASE("the newest state is not promised while a required copy does not answer") {
    Desk desk{true};
    const auto kind = GENERATE(Target::Kind::latest, Target::Kind::immediate);
    auto named = order_of(Target::Kind::immediate);
    named.backup = desk.older.id;

    const auto refusal = desk.refusal(*desk.silent, order_of(kind));

    CHECK(refusal.exit_code() == 75);
    CHECK_THAT(refusal.sentence(), Contains("the required copy far"));
    CHECK(desk.resolve_in(*desk.silent, named).base.name.id == desk.older.id);
    CHECK(desk.resolve_in(*desk.repository, order_of(kind)).base.name.id == desk.newer.id);
}

TEST_CASE("a silent copy that is not required is told, and what is not found may be in it") {
    Desk desk{false};
    auto long_ago = order_of(Target::Kind::time);
    long_ago.target.time = desk.older.start - 24h;

    const auto found = desk.resolve_in(*desk.silent, order_of(Target::Kind::latest));

    CHECK(found.base.name.id == desk.newer.id);
    REQUIRE(found.choice.notes.size() == 1);
    CHECK_THAT(found.choice.notes[0], Contains("far"));
    CHECK(desk.refusal(*desk.silent, long_ago).exit_code() == 75);
    CHECK(desk.refusal(*desk.repository, long_ago).exit_code() == 22);
}

TEST_CASE("a backup that is looked into is chosen as a restore would, and no log is asked for") {
    Desk desk{true};
    // Newer log that no backup leads to: what `restore --latest` would refuse.
    run(desk.desk.io, store_log(*desk.repository, LineageName{"7301-1"}, 500, 900));
    auto then = order_of(Target::Kind::time);
    then.target.time = desk.newer.start - 1min;
    auto long_ago = order_of(Target::Kind::time);
    long_ago.target.time = desk.older.start - 24h;
    auto unknown = order_of(Target::Kind::immediate);
    unknown.backup = BackupId{"20200101T000000Z-00000000"};

    CHECK(desk.looked_into(*desk.repository, order_of(Target::Kind::latest)) == desk.newer.id.text());
    CHECK(desk.looked_into(*desk.repository, then) == desk.older.id.text());
    CHECK(desk.looked_into(*desk.repository, long_ago) == "exit 22");
    CHECK(desk.looked_into(*desk.repository, unknown) == "exit 1");
    CHECK(desk.looked_into(*desk.silent, order_of(Target::Kind::latest)) == "exit 75");
    for (const std::size_t copy : {0u, 1u}) desk.desk.damage(copy, desk.newer.key, 60);
    CHECK(desk.looked_into(*desk.repository, order_of(Target::Kind::latest)) == "exit 13");
    CHECK(desk.looked_into(*desk.repository, then) == desk.older.id.text());
}

TEST_CASE("an older backup does not pass for a damaged newer one, and is had by its name") {
    Desk desk{true};
    for (const std::size_t copy : {0u, 1u}) desk.desk.damage(copy, desk.newer.key, 60);
    auto named = order_of(Target::Kind::immediate);
    named.backup = desk.older.id;
    auto before = order_of(Target::Kind::time);
    before.target.time = desk.newer.start - 1min;
    auto after = order_of(Target::Kind::time);
    after.target.time = desk.newer.start + 1min;

    const auto refusal = desk.refusal(*desk.repository, order_of(Target::Kind::latest));

    CHECK(refusal.exit_code() == 13);
    CHECK_THAT(refusal.remedy(), Contains("--backup " + desk.older.id.text()));
    CHECK(desk.refusal(*desk.repository, after).exit_code() == 13);
    CHECK(desk.resolve_in(*desk.repository, before).base.name.id == desk.older.id);
    CHECK(desk.resolve_in(*desk.repository, named).base.name.id == desk.older.id);
}

TEST_CASE("what only a damaged backup may lead to is damaged, and not unknown") {
    Desk desk{true};
    for (const std::size_t copy : {0u, 1u}) desk.desk.damage(copy, desk.older.key, 60);
    auto then = order_of(Target::Kind::time);
    then.target.time = desk.newer.start - 1min;
    auto long_ago = order_of(Target::Kind::time);
    long_ago.target.time = desk.older.start - 24h;

    CHECK(desk.refusal(*desk.repository, then).exit_code() == 13);
    CHECK(desk.refusal(*desk.repository, long_ago).exit_code() == 22);
}

// Collection on a repository in memory: what goes, what stays, and what stops it.
#include "jobs/collect_job.hpp"

#include <catch2/catch.hpp>

#include "jobs/collect_explain.hpp"
#include "jobs/hold_job.hpp"
#include "repository/verify.hpp"
#include "support/collect_world.hpp"
#include "support/fault_of.hpp"
#include "support/faulty_stores.hpp"
#include "support/log_objects.hpp"

using namespace varve;
using namespace varve::test;
using namespace std::chrono_literals;

namespace {

const SourceCollected& only(const CollectReport& report, std::size_t copy = 0) {
    REQUIRE(report.copies.size() > copy);
    REQUIRE(report.copies[copy].sources.size() == 1);
    for (const auto& pause : report.copies[copy].sources[0].pauses) UNSCOPED_INFO(words_of(pause));
    for (const auto& refusal : report.copies[copy].sources[0].refused) UNSCOPED_INFO(refusal.reason);
    return report.copies[copy].sources[0];
}

bool whole(CollectWorld& world, int level = 1) {
    const auto result = run(world.desk.io, verify_source(*world.repository, test_source, {.level = level}));
    for (const auto& one : result.damaged) UNSCOPED_INFO(one.key.text() << ": " << one.what);
    return result.ok();
}

/// Everything but the collectors' own records.
std::vector<std::string> archive_of(CollectWorld& world, std::size_t copy = 0) {
    std::vector<std::string> keys;
    for (const auto& key : world.desk.keys_below("", copy))
        if (!key.text().starts_with("gc/")) keys.push_back(key.text());
    return keys;
}

std::string reason_of(const CollectReport& report, std::size_t copy = 0) {
    const auto& source = only(report, copy);
    return source.refused.empty() ? std::string{} : source.refused.front().reason;
}

/// Three days on, with a backup each day so that there is no silence.
void three_days(CollectWorld& world) {
    for (int i = 0; i < 3; ++i) {
        world.back_up();
        world.desk.clock.advance(24h);
    }
}

}  // namespace

TEST_CASE("what nothing keeps is condemned, goes three days later with its packs, and every other backup is whole") {
    CollectWorld world;
    world.pass_until("2026-12-17");
    const auto before = world.backups();
    const auto old = world.count("backup/");

    const auto first = world.collect();
    CHECK(only(first).condemned.backups == 4);  // of November
    CHECK(only(first).condemned.packs == 4);
    CHECK(only(first).swept.objects() == 0);
    CHECK(world.count("backup/") == old);

    world.desk.clock.advance(71h);
    world.back_up();
    CHECK(only(world.collect()).swept.objects() == 0);
    CHECK(only(world.plan()).waiting.objects() == 8);

    world.desk.clock.advance(1h);
    CHECK(only(world.plan()).swept.objects() == 8);
    const auto second = world.collect();
    CHECK(only(second).swept.backups == 4);
    CHECK(only(second).swept.packs == 4);
    CHECK(world.backups().front() == before[4]);
    CHECK(world.count("pack/") == world.count("backup/"));
    CHECK(world.losses().empty());
    CHECK(whole(world));  // and what went is not taken for lost

    const auto third = world.collect();
    CHECK(only(third).condemned.objects() + only(third).waiting.objects() + only(third).swept.objects() == 0);
    CHECK(world.count("gc/") == 3);
}

namespace {

/// The collection fails at its call number `calls`, before or after the store did it, and then the power goes. Whether it was
/// cut.
bool cut_collection(CollectWorld& world, int calls, FailingAfter::When when) {
    std::shared_ptr<Store> kept;
    auto flaky = world.desk.open([&](std::shared_ptr<Store> store, std::size_t) -> std::shared_ptr<Store> {
        kept = store;
        return std::make_shared<FailingAfter>(*store, calls, FailingAfter::Options{.when = when});
    });
    bool cut = false;
    try {
        world.collect(*flaky);
    } catch (const Error& error) {
        cut = true;
        CHECK(error.fault() == Fault::unreachable);
    }
    world.desk.stores[0]->lose_power();
    return cut;
}

constexpr int calls_to_open = 4;

}  // namespace

TEST_CASE("a collection that is cut anywhere, with the power gone, leaves every backup whole, and the next ones finish it") {
    CollectWorld world;
    world.pass_until("2026-12-17");
    world.collect();
    three_days(world);
    const auto begun_with = *world.desk.stores[0];
    const auto start = world.desk.clock.now();
    const auto when = GENERATE(FailingAfter::When::before, FailingAfter::When::after);

    int calls = calls_to_open;
    for (bool cut = true; cut; ++calls) {
        CAPTURE(calls, static_cast<int>(when));
        world.desk.stores[0] = std::make_shared<MemoryStore>(begun_with);
        world.repository = world.desk.open();
        world.desk.clock.set(start);
        cut = cut_collection(world, calls, when);

        REQUIRE(world.losses().empty());
        REQUIRE(whole(world));
        world.collect();
        world.desk.clock.advance(1h);
        REQUIRE(only(world.collect()).refused.empty());
        REQUIRE(world.backups().size() == 13 - 4 + 3);
        REQUIRE(world.count("pack/") == 13 - 4 + 3);
        REQUIRE(world.losses().empty());
    }
    CHECK(calls > 40);
}

TEST_CASE("a hold that comes after something was condemned keeps it, and its release lets it go") {
    CollectWorld world;
    world.pass_until("2026-12-17");
    world.collect();
    const auto held = world.backups().front();
    auto jobs = world.context(*world.repository);
    run(world.desk.io, hold_backup(jobs, {.source = test_source, .backup = held}, std::nullopt));
    three_days(world);

    CHECK(only(world.collect()).swept.backups == 3);
    CHECK(world.backups().front() == held);
    CHECK(world.losses().empty());  // the pack that it shares is there

    world.desk.clock.advance(1h);
    world.note("release", held);
    CHECK(only(world.collect()).swept.backups == 1);
    CHECK(world.losses().empty());
}

TEST_CASE("what collectors removed leaves no silence behind") {
    CollectWorld world;
    world.pass_until("2026-12-17");
    world.note("hold", world.backups().front());
    world.collect();
    three_days(world);
    CHECK(only(world.collect()).swept.backups == 3);  // eight days between the one that is held and the next one
    world.desk.clock.advance(1h);

    CHECK(only(world.collect()).pauses.empty());
}

TEST_CASE("a list of backups that is shorter than it was stops everything, until an admin acknowledges what is missing") {
    CollectWorld world;
    world.pass_until("2026-12-17");
    world.collect();
    three_days(world);
    const auto newest = GENERATE(false, true);
    const auto manifests = world.desk.keys_below("backup/");
    const auto known = world.backups().size() - 3 - 1;  // the newest that the first record speaks of
    const auto gone = newest ? known : 1;
    const auto id = world.backups()[gone];
    run(world.desk.io, world.desk.stores[0]->remove(manifests[gone]));
    const auto before = archive_of(world);

    const auto stopped = world.collect();

    CHECK(reason_of(stopped).find(id.text()) != std::string::npos);
    CHECK(only(stopped).swept.objects() == 0);
    CHECK(archive_of(world) == before);

    auto jobs = world.context(*world.repository);
    const auto subject = run(world.desk.io, find_note_subject(jobs, {&world.source}, id.text(), Missing::may));
    run(world.desk.io, put_note(jobs, subject, "acknowledged"));
    CHECK(only(world.collect()).refused.empty());
}

TEST_CASE("a backup that was lost before the first collection is missed by the one that was made after it") {
    CollectWorld world;
    world.pass_until("2026-12-17");
    const auto manifests = world.desk.keys_below("backup/");
    const auto digits = to_hex(*digest_of(manifests[2])).substr(0, 8);
    run(world.desk.io, world.desk.stores[0]->remove(manifests[2]));

    CHECK(reason_of(world.collect()).find(digits) != std::string::npos);
    CHECK(world.count("gc/") == 0);

    auto jobs = world.context(*world.repository);
    const auto subject = run(world.desk.io, find_note_subject(jobs, {&world.source}, digits, Missing::may));
    run(world.desk.io, put_note(jobs, subject, "acknowledged"));
    world.note("acknowledged");  // and the silence that its loss left behind
    CHECK(only(world.collect()).condemned.backups == 3);
}

namespace {

/// Leaves out of lists what begins with a prefix.
class ForgetfulStore final : public HookedStore {
public:
    ForgetfulStore(Store& inner, std::string prefix) : HookedStore{inner}, inner_{inner}, prefix_{std::move(prefix)} {}
    Task<> list(std::string prefix, std::string after, ObjectVisitor& visitor) override {
        Listing all;
        co_await inner_.list(prefix, after, all);
        for (const auto& object : all.objects)
            if (!object.key.text().starts_with(prefix_) && !visitor.visit(object)) co_return;
    }

private:
    Task<> before(std::string, ObjectKey) override { co_return; }
    Task<> after(std::string, ObjectKey) override { co_return; }

    Store& inner_;
    std::string prefix_;
};

}  // namespace

TEST_CASE("an empty list of backups lets nothing go, whether collectors knew the copy or not") {
    const bool known = GENERATE(false, true);
    CollectWorld world;
    world.pass_until("2026-12-17");
    if (known) world.collect();
    three_days(world);
    std::shared_ptr<Store> kept;
    auto forgetful = world.desk.open([&](std::shared_ptr<Store> store, std::size_t) -> std::shared_ptr<Store> {
        kept = store;
        return std::make_shared<ForgetfulStore>(*store, "backup/");
    });
    const auto before = archive_of(world);

    const auto report = world.collect(*forgetful);

    CHECK_FALSE(only(report).refused.empty());
    CHECK(only(report).condemned.objects() + only(report).swept.objects() == 0);
    CHECK(archive_of(world) == before);
}

TEST_CASE("packs that no backup listed, more than a fifth, stay until an admin approves") {
    CollectWorld world;
    auto cut = run(world.desk.io, BackupCommit::begin(*world.repository, test_source, world.source.setup.retention, {}));
    Bytes content(30'000);
    random_bytes(content);
    run(world.desk.io, cut->put_pack(seal_pack(*world.repository, {content})));
    world.pass_until("2026-12-17");
    const auto packs = world.count("pack/");
    CHECK(only(world.collect()).condemned.packs == 5);
    three_days(world);

    const auto stopped = world.collect();
    CHECK(reason_of(stopped).find("more than a fifth") != std::string::npos);
    CHECK(only(stopped).swept.objects() == 0);
    CHECK(world.count("pack/") == packs + 3);

    CHECK(only(world.collect(Approval::given)).swept.packs == 5);
    CHECK(world.losses().empty());
}

TEST_CASE("what goes early bit by bit counts together") {
    CollectWorld world;
    for (int i = 0; i < 4; ++i) {
        auto cut = run(world.desk.io, BackupCommit::begin(*world.repository, test_source, world.source.setup.retention, {}));
        Bytes content(4'000);
        random_bytes(content);
        run(world.desk.io, cut->put_pack(seal_pack(*world.repository, {content})));
    }
    // One after the other becomes visible as nobody's.
    const auto orphans = world.desk.keys_below("pack/");
    std::vector<Bytes> hidden;
    for (const auto& key : orphans) {
        hidden.push_back(world.desk.stores[0]->bytes_of(key));
        run(world.desk.io, world.desk.stores[0]->remove(key));
    }
    world.pass_until("2026-12-17");
    for (int i = 0; i < 3; ++i) world.back_up(2'000);
    std::size_t removed = 0;
    bool refused = false;
    for (std::size_t i = 0; i < orphans.size(); ++i) {
        run(world.desk.io, world.desk.stores[0]->put(orphans[i], hidden[i]));
        world.collect();
        three_days(world);
        const auto report = world.collect();
        refused = refused || !only(report).refused.empty();
        if (!run(world.desk.io, world.desk.stores[0]->find(orphans[i]))) ++removed;
    }

    CHECK(refused);
    CHECK(removed >= 1);
    CHECK(removed < orphans.size());
}

TEST_CASE("the last backups of a source stay although their time is over, until it is retired") {
    CollectWorld world;
    world.pass_until("2026-11-28");
    // Nothing is backed up any more; other objects are put, so there is no silence.
    const auto pass = [&](int days) {
        for (int i = 0; i < days; ++i) {
            world.desk.clock.advance(24h);
            world.note("hold", BackupId{"none"});
        }
    };
    pass(40);
    world.collect();
    pass(4);
    CHECK(only(world.collect()).swept.backups == 1);
    CHECK(world.backups().size() == 2);
    auto jobs = world.context(*world.repository);
    CHECK(fault_of([&] { run(world.desk.io, delete_backup(jobs, world.source, world.backups().front())); }) == Fault::refused);

    world.note("retire");
    world.collect();
    pass(4);
    CHECK(only(world.collect()).swept.backups == 2);
    CHECK(world.count("backup/") + world.count("pack/") == 0);
    world.desk.clock.advance(1h);
    CHECK(only(world.collect()).refused.empty());
}

TEST_CASE("a configuration that asks for less shortens no backup that is there") {
    CollectWorld world;
    world.source.setup.retention.daily = {.days = 90};
    world.pass_until("2026-12-17");
    world.source.setup.retention.daily = {.days = 1};

    CHECK(only(world.collect()).condemned.objects() == 0);
}

TEST_CASE("a configuration that asks for less log is not followed until an admin approves") {
    CollectWorld world;
    world.source.setup.retention.pitr = KeepLength{.days = 20};
    const LineageName lineage{"7/1"};
    std::uint64_t position = 0;
    const auto pass = [&](int days) {
        for (int i = 0; i < days; ++i) {
            const auto now = world.desk.clock.now();
            run(world.desk.io,
                put_sample(
                    *world.repository,
                    {.lineage = lineage, .from = position, .bytes = bytes_of(10, 7), .last_commit = now - 1s, .stored = now}));
            position += 10;
            format::ManifestStructure structure;
            structure.set_source(test_source.text());
            structure.set_stop_time(to_format(now));
            structure.mutable_lineage()->set_name(lineage.text());
            structure.set_start_position(position);
            structure.set_stop_position(position);
            auto commit = run(world.desk.io,
                              BackupCommit::begin(*world.repository, test_source, world.source.setup.retention, PolicyZone{}));
            format::ManifestContent content;
            content.set_list_levels(1);
            run(world.desk.io, commit->commit(std::move(structure), std::move(content)));
            world.desk.clock.advance(24h);
        }
    };
    pass(30);
    CHECK(only(world.collect()).condemned.logs == 10);
    world.source.setup.retention.pitr = KeepLength{.days = 3};

    const auto kept = world.collect();
    CHECK(only(kept).asks_for_less);
    CHECK(only(kept).condemned.logs == 0);

    world.desk.clock.advance(1h);
    const auto approved = world.collect(Approval::given);
    CHECK_FALSE(only(approved).asks_for_less);
    CHECK(only(approved).condemned.logs == 18);
    world.desk.clock.advance(1h);
    CHECK_FALSE(only(world.collect()).asks_for_less);
    pass(3);
    CHECK(only(world.collect()).swept.logs == 10 + 18);
    CHECK(whole(world));
}

TEST_CASE("while something pauses retention, what was condemned before stays too") {
    CollectWorld world;
    world.pass_until("2026-12-17");
    world.collect();
    three_days(world);
    SECTION("a suspect backup") { world.note("suspect", world.backups().back()); }
    SECTION("a clock that leapt") { world.desk.clock.advance(5 * 24h); }
    SECTION("a clock that leapt, and a backup after it") {
        world.desk.clock.advance(5 * 24h);
        world.back_up();
    }
    const auto before = archive_of(world);

    const auto report = world.collect();

    CHECK_FALSE(only(report).pauses.empty());
    CHECK(only(report).swept.objects() == 0);
    CHECK(archive_of(world) == before);
}

TEST_CASE("what was condemned more than a month ago is condemned anew") {
    CollectWorld world;
    world.pass_until("2026-12-17");
    world.collect();
    world.pass_until("2027-01-17");

    const auto report = world.collect();

    CHECK(only(report).swept.objects() == 0);
    CHECK(only(report).condemned.backups > 4);  // those of November again, and those of December
}

TEST_CASE("a backup that an admin deletes goes with what only it needs, after three days twice") {
    CollectWorld world;
    world.source.setup.retention.daily = {.days = 300};
    world.pass_until("2026-12-17");
    const auto id = world.backups()[1];
    auto jobs = world.context(*world.repository);
    run(world.desk.io, delete_backup(jobs, world.source, id));
    CHECK(only(world.collect()).condemned.objects() == 0);
    three_days(world);
    CHECK(only(world.collect()).condemned.backups == 1);
    three_days(world);
    CHECK(only(world.collect()).swept.backups == 1);

    const auto left = world.backups();
    CHECK(std::ranges::find(left, id) == left.end());
    CHECK(world.losses().empty());
    CHECK(whole(world));
}

TEST_CASE("each copy is collected by itself, and neither is taken for one that lost something") {
    CollectWorld world{2};
    auto first_alone = world.desk.open([](std::shared_ptr<Store> store, std::size_t number) -> std::shared_ptr<Store> {
        if (number == 0) return store;
        return std::make_shared<FailingAfter>(*store, 0, FailingAfter::Options{});
    });
    world.pass_until("2026-12-17");
    const auto alone = world.collect(*first_alone);
    CHECK(alone.unanswered == std::vector{RepositoryName{"copy1"}});
    three_days(world);

    const auto report = world.collect();

    CHECK(only(report, 0).swept.backups == 4);
    CHECK(only(report, 1).condemned.backups == 4);
    CHECK(world.backups(0).size() + 4 == world.backups(1).size());
    CHECK(world.losses(0).empty());
    CHECK(world.losses(1).empty());
    CHECK(whole(world));
    three_days(world);
    CHECK(only(world.collect(), 1).swept.backups == 4);
    CHECK(whole(world));
}

TEST_CASE("nothing goes while a required copy does not answer") {
    CollectWorld world{2};
    world.pass_until("2026-12-17");
    world.collect();
    three_days(world);
    const auto before = archive_of(world, 1);
    auto silent = world.desk.open([](std::shared_ptr<Store> store, std::size_t number) -> std::shared_ptr<Store> {
        if (number == 1) return store;
        return std::make_shared<FailingAfter>(*store, 0, FailingAfter::Options{.only = "list"});
    });

    CHECK(fault_of([&] { world.collect(*silent); }) == Fault::unreachable);
    CHECK(archive_of(world, 1) == before);
}

TEST_CASE("explain tells who condemned and removed an object, when and why; and what keeps another") {
    CollectWorld world;
    world.pass_until("2026-12-17");
    const auto ids = world.backups();
    const auto pack = world.desk.keys_below("pack/").front();
    world.collect();
    three_days(world);
    world.collect();
    auto jobs = world.context(*world.repository);

    const auto gone = run(world.desk.io, explain_object(jobs, {&world.source}, ids[0].text()));
    REQUIRE(gone.copies.size() == 1);
    CHECK_FALSE(gone.copies[0].present);
    REQUIRE(gone.copies[0].history.size() == 3);
    CHECK(gone.copies[0].history[0].kind == "condemned");
    CHECK(gone.copies[0].history[0].host == "db1");
    CHECK(gone.copies[0].history[0].reason.find("its time was over at 2026-12-03T02:00:00Z") != std::string::npos);
    CHECK(gone.copies[0].history[2].kind == "swept");

    const auto there = run(world.desk.io, explain_object(jobs, {&world.source}, ids.back().text()));
    CHECK(there.copies[0].present);
    CHECK_FALSE(there.copies[0].kept.empty());
    CHECK(there.copies[0].history.empty());
    CHECK(run(world.desk.io, explain_object(jobs, {&world.source}, pack.text())).copies[0].history.size() == 3);
    CHECK(fault_of([&] { run(world.desk.io, explain_object(jobs, {&world.source}, "nothing")); }) == Fault::missing);
}

TEST_CASE("a sealed host that archives does not collect") {
    TestRepository desk{RepositoryMode::sealed};
    auto repository = desk.open();
    run(desk.io, make_backup(*repository, {.daily = {.days = 10}}));
    Source source;
    source.setup.name = test_source;
    JobContext jobs{*repository, desk.pools.pools, desk.clock, [] { return 0.0; }};

    try {
        run(desk.io, collect(jobs, {&source}, Approval::none));
        FAIL("it did");
    } catch (const Error& error) {
        CHECK(error.exit_code() == 12);
    }
}

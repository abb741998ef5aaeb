// What will go of a source, read from a repository in memory whose clock runs as the test wants.
#include <catch2/catch.hpp>

#include "jobs/retention_job.hpp"
#include "support/faulty_stores.hpp"
#include "support/idle_driver.hpp"
#include "support/log_objects.hpp"
#include "support/test_repository.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace varve::test;
using namespace std::chrono_literals;

namespace {

const LineageName lineage{"7/1"};

/// A source with a log, two copies of its archive, the second not required. Its rule: ten days, and five of log.
struct Vault {
    Vault() {
        source.setup.name = test_source;
        source.setup.retention = {.daily = {.days = 10}, .pitr = KeepLength{.days = 5}};
        source.driver = std::make_unique<IdleDriver>();
        // The second copy does not take part while it is away.
        all = desk.open();
        first_alone = desk.open([](std::shared_ptr<Store> store, std::size_t number) -> std::shared_ptr<Store> {
            if (number == 0) return store;
            return std::make_shared<FailingAfter>(*store, 0, FailingAfter::Options{.only = "put"});
        });
    }

    /// A base and four hours later an object of log, once a day.
    void pass(int days, Repository& repository) {
        for (int i = 0; i < days; ++i) {
            run(desk.io, commit_base(repository));
            desk.clock.advance(4h);
            const auto now = desk.clock.now();
            run(desk.io,
                put_sample(
                    repository,
                    {.lineage = lineage, .from = position, .bytes = bytes_of(10, 7), .last_commit = now - 1s, .stored = now}));
            position += 10;
            desk.clock.advance(20h);
        }
    }

    Task<> commit_base(Repository& repository) {
        auto commit = co_await BackupCommit::begin(repository, test_source, source.setup.retention, PolicyZone{});
        format::ManifestStructure structure;
        structure.set_source(test_source.text());
        structure.set_stop_time(to_format(co_await repository.now()));
        structure.mutable_lineage()->set_name(lineage.text());
        structure.set_start_position(position);
        structure.set_stop_position(position);
        format::ManifestContent content;
        content.set_id_key(std::string{text_of(repository.source_keys(test_source).id.view())});
        content.set_list_levels(1);
        co_await commit->commit(std::move(structure), std::move(content));
    }

    SourceRetention plan(int days = 30) { return plan(*all, days); }
    SourceRetention plan(Repository& repository, int days) {
        JobContext context{repository, desk.pools.pools, desk.clock, [] { return 0.0; }};
        return run(desk.io, plan_source_retention(context, source, days));
    }

    TestRepository desk{RepositoryMode::managed, 2};
    std::unique_ptr<Repository> all, first_alone;
    Source source;
    std::uint64_t position = 0;
};

std::vector<Instant> times_of(const SourceRetention& retention, bool of_backups) {
    std::vector<Instant> times;
    for (const auto& deletion : retention.deletions)
        if (deletion.planned.backup.has_value() == of_backups) times.push_back(deletion.planned.time);
    return times;
}

}  // namespace

TEST_CASE("every deletion of the days to come is listed with its day, and nothing is removed") {
    Vault vault;
    vault.pass(9, *vault.all);
    const auto now = vault.desk.clock.now();
    const auto keys = vault.desk.keys_below("");

    const auto retention = vault.plan(4);

    // Taken 9, 8, 7, … days ago: the first three of them get ten days old within four days.
    CHECK(times_of(retention, true) == std::vector<Instant>{now + 24h, now + 48h, now + 72h, now + 96h});
    CHECK(retention.deletions.front().copies == std::vector{RepositoryName{"copy0"}, RepositoryName{"copy1"}});
    // Five days ago plus the base before it: older log goes with the bases that it followed.
    CHECK(times_of(retention, false).size() == 5);
    CHECK(retention.pauses.empty());
    CHECK(retention.backups.size() == 9);
    REQUIRE(retention.windows_before.size() == 1);
    CHECK(retention.windows_before[0].from == now - 9 * 24h);
    // Bases that are not over yet, each an instant; then any instant of what is left of the five days.
    REQUIRE(retention.windows_after.size() == 4);
    CHECK(retention.windows_after.front() == RecoveryWindow{now - 5 * 24h, now - 5 * 24h, lineage});
    CHECK(retention.windows_after.back() == RecoveryWindow{now - 2 * 24h, retention.windows_before[0].to, lineage});
    CHECK(vault.desk.keys_below("") == keys);
}

TEST_CASE("a copy that was away keeps what the others give up") {
    Vault vault;
    vault.pass(3, *vault.all);
    vault.pass(12, *vault.first_alone);

    const auto retention = vault.plan(0);

    // Of the second copy the two newest of three stay.
    std::size_t from_first = 0, from_second = 0;
    for (const auto& deletion : retention.deletions) {
        if (!deletion.planned.backup) continue;
        for (const auto& copy : deletion.copies) ++(copy.text() == "copy0" ? from_first : from_second);
    }
    CHECK(from_first == 6);
    CHECK(from_second == 1);
}

TEST_CASE("what may go is not told while a required copy does not answer") {
    Vault vault;
    vault.pass(3, *vault.all);
    const auto silent = vault.desk.open([](std::shared_ptr<Store> store, std::size_t number) -> std::shared_ptr<Store> {
        if (number != 0) return store;
        return std::make_shared<FailingAfter>(*store, 0, FailingAfter::Options{.only = "list"});
    });

    try {
        vault.plan(*silent, 30);
        FAIL("it was told");
    } catch (const Error& error) {
        CHECK(error.exit_code() == 75);
    }
}

TEST_CASE("days in which nothing was stored stop every deletion until an admin acknowledges them") {
    Vault vault;
    vault.pass(6, *vault.all);
    vault.desk.clock.advance(4 * 24h);
    const auto during = vault.plan();
    vault.pass(1, *vault.all);
    const auto after = vault.plan();
    format::NoteStructure note;
    note.set_kind("acknowledged");
    run(vault.desk.io, vault.all->put_note(test_source, note));
    const auto acknowledged = vault.plan();

    using Kind = RetentionPause::Kind;
    REQUIRE(during.pauses.size() == 1);
    CHECK(during.pauses[0].pause.kind == Kind::silence);
    REQUIRE(after.pauses.size() == 1);
    CHECK(after.pauses[0].pause.kind == Kind::silence_unacknowledged);
    CHECK(acknowledged.pauses.empty());
}

TEST_CASE("a backup that an admin holds is kept, and one whose manifest is damaged is not judged") {
    Vault vault;
    vault.pass(13, *vault.all);
    const auto manifests = vault.desk.keys_below("backup/");
    format::NoteStructure note;
    note.set_kind("hold");
    note.set_backup(vault.plan().backups.back().backup.id.text());
    run(vault.desk.io, vault.all->put_note(test_source, note));
    for (std::size_t copy : {0, 1}) vault.desk.damage(copy, manifests.at(1), 400);

    const auto retention = vault.plan(0);

    CHECK(times_of(retention, true).size() == 2);
    REQUIRE(retention.backups.size() == 13);
    CHECK(retention.backups[12].kept == std::vector{Kept{.reason = KeepReason::held}});
    CHECK(retention.backups[11].kept == std::vector{Kept{.reason = KeepReason::unreadable}});
    CHECK(retention.backups[10].kept.empty());
}

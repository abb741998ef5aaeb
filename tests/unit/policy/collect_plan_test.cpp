#include "policy/collect_plan.hpp"

#include <catch2/catch.hpp>

using namespace varve;
using namespace std::chrono_literals;

namespace {

Instant at(const char* time) { return from_rfc3339(time); }

/// Backups of November that nothing keeps by themselves, looked at on 20 December.
struct Case {
    void add(const std::string& name, std::vector<std::string> packs, std::vector<Kept> kept = {}) {
        RetainedBackup backup;
        backup.id = BackupId{name};
        backup.begun = at("2026-11-23T02:00:00Z");
        backup.expires = at("2026-12-03T02:00:00Z");
        backup.tiers = "d";
        archive.backups.push_back(backup);
        inventory.backups.push_back({.key = "backup/s/" + name, .bytes = 10, .month = "202611", .packs = {}});
        for (const auto& pack : packs) inventory.backups.back().packs.push_back(key_of(pack));
        plan.backups.push_back({.kept = std::move(kept), .expires = backup.expires});
    }
    void put(const std::string& pack) {
        inventory.packs.push_back({.key = key_of(pack), .bytes = 100, .month = pack.substr(0, 6)});
    }
    static std::string key_of(const std::string& pack) { return "pack/s/" + pack; }  // "202611d/one"
    std::vector<Doomed> doomed() const { return find_doomed(archive, inventory, plan, now); }
    std::vector<std::string> keys() const {
        std::vector<std::string> keys;
        for (const auto& one : doomed()) keys.push_back(one.key);
        return keys;
    }

    RetentionArchive archive;
    CollectInventory inventory;
    RetentionPlan plan;
    Instant now = at("2026-12-20T02:00:00Z");
};

const std::vector<Kept> held{{.reason = KeepReason::held}};

}  // namespace

TEST_CASE("a month is closed two weeks and a day after its end in UTC") {
    CHECK_FALSE(month_closed("202611", at("2026-12-15T23:59:59Z")));
    CHECK(month_closed("202611", at("2026-12-16T00:00:00Z")));
    CHECK_FALSE(month_closed("202612", at("2027-01-15T23:59:59Z")));
    CHECK(month_closed("202612", at("2027-01-16T00:00:00Z")));
    for (const auto* none : {"", "2026", "202613", "20261x", "2026-1", "2026111"})
        CHECK_FALSE(month_closed(none, at("2100-01-01T00:00:00Z")));
}

TEST_CASE("a pack goes when every backup that lists it goes, and not before") {
    Case one;
    one.add("a", {"202611d/own", "202611d/shared"});
    one.add("b", {"202611d/shared"}, held);
    for (const auto* pack : {"202611d/own", "202611d/shared"}) one.put(pack);

    CHECK(one.keys() == std::vector<std::string>{"backup/s/a", "pack/s/202611d/own"});

    one.plan.backups[1].kept.clear();
    CHECK(one.keys() == std::vector<std::string>{"backup/s/a", "backup/s/b", "pack/s/202611d/own", "pack/s/202611d/shared"});
}

TEST_CASE("nothing of a month that is not closed goes, and a backup goes with its packs") {
    Case one;
    one.add("a", {"202612d/own"});  // as no backup should: the pack's month counts as well
    one.put("202612d/own");
    one.put("202612d/nobody");
    one.put("202611d/nobody");

    CHECK(one.keys() == std::vector<std::string>{"pack/s/202611d/nobody"});
}

TEST_CASE("near a damaged manifest nothing goes, for it may list any pack of its month") {
    Case one;
    one.add("a", {"202611d/own"});
    one.put("202611d/own");
    one.put("202611d/nobody");
    one.put("202610d/nobody");
    one.add("b", {});
    one.archive.backups[1].readable = false;
    one.archive.backups[1].begun = at("2026-12-01T06:00:00Z");  // November still, west of Greenwich
    one.inventory.backups[1].month.clear();
    one.plan.backups[1].kept = {{.reason = KeepReason::unreadable}};

    CHECK(one.keys() == std::vector<std::string>{"pack/s/202610d/nobody"});
}

TEST_CASE("a pack that a backup of another copy lists stays") {
    Case one;
    one.put("202611d/theirs");
    one.inventory.listed_elsewhere = {"pack/s/202611d/theirs"};

    CHECK(one.keys().empty());
    CHECK(reasons_to_keep(one.archive, one.inventory, one.plan, one.now, "pack/s/202611d/theirs").size() == 1);
}

TEST_CASE("what no manifest listed goes early, and so does what goes before the expiry that was signed") {
    Case one;
    one.add("due", {"202611d/due"});
    one.add("shortened", {"202611d/shortened"});
    one.archive.backups[1].expires = at("2027-11-23T02:00:00Z");
    one.plan.backups[1].shortened = true;
    for (const auto* pack : {"202611d/due", "202611d/shortened", "202611d/nobody"}) one.put(pack);

    std::vector<std::string> early;
    for (const auto& doomed : one.doomed())
        if (doomed.early) early.push_back(doomed.key);

    CHECK(early == std::vector<std::string>{"backup/s/shortened", "pack/s/202611d/shortened", "pack/s/202611d/nobody"});
    CHECK(may_go_early(20, 100));
    CHECK_FALSE(may_go_early(21, 100));
    CHECK(may_go_early(0, 0));
}

TEST_CASE("what was condemned is ripe after 72 hours and for a month, and a pack never before its manifests") {
    Case one;
    one.add("a", {"202611d/shared"});
    one.add("b", {"202611d/shared"});
    one.put("202611d/shared");
    struct Row {
        std::chrono::hours a, b, pack;  // condemned so long ago
        std::size_t ripe;
    };
    const auto row = GENERATE(values<Row>({{72h, 72h, 72h, 3},
                                           {71h, 71h, 71h, 0},
                                           {72h, 71h, 71h, 1},
                                           {72h, 71h, 100h, 1},
                                           {72h, 24h * 30, 100h, 1},
                                           {24h * 30, 24h * 30, 24h * 30, 0},
                                           {24h * 30 - 1h, 24h * 30 - 1h, 24h * 30 - 1h, 3},
                                           {-1h, -1h, -1h, 0}}));

    const auto ripe = find_ripe(
        one.doomed(),
        {{"backup/s/a", one.now - row.a}, {"backup/s/b", one.now - row.b}, {"pack/s/202611d/shared", one.now - row.pack}},
        one.now);

    CAPTURE(row.a.count(), row.b.count(), row.pack.count());
    CHECK(ripe.size() == row.ripe);
}

TEST_CASE("a hold on a stretch of log keeps the objects that have a part of it, and no backup") {
    RetentionArchive archive;
    const LineageName lineage{"1"};
    for (std::uint64_t from = 0; from < 50; from += 10) {
        RetainedLog log;
        log.lineage = lineage;
        log.from = from;
        log.to = from + 10;
        log.stored_at = at("2026-11-01T00:00:00Z");
        archive.log.push_back(log);
    }
    RetainedBackup backup;
    backup.id = BackupId{"a"};
    backup.begun = backup.committed = at("2026-11-01T00:00:00Z");
    archive.backups.assign(3, backup);
    archive.notes.push_back({.kind = RetentionNote::Kind::hold,
                             .time = at("2026-12-01T00:00:00Z"),
                             .until = at("2026-12-21T00:00:00Z"),
                             .log = LogSpan{.lineage = lineage, .from = 15, .to = 30}});

    const auto now = at("2026-12-20T00:00:00Z");
    const auto plan = plan_retention(archive, {.daily = {.days = 10}}, {}, {.store = now, .host = now});

    std::vector<bool> kept;
    for (const auto& log : plan.log) kept.push_back(!log.kept.empty());
    CHECK(kept == std::vector<bool>{false, true, true, false, false});
    for (const auto& decision : plan.backups)
        for (const auto& one : decision.kept) CHECK(one.reason != KeepReason::held);
}

#include "policy/restore_choice.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

using Kind = ChoiceTarget::Kind;

/// Minutes of one day; positions are minutes too, so that a case can be drawn as a line of time.
Instant minute(int count) {
    return Instant{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}} + std::chrono::minutes{count};
}
const Instant now = minute(10000);

LogPosition in(const std::string& lineage, std::uint64_t at) { return {.lineage = LineageName{lineage}, .at = at, .text = {}}; }

ArchivedBackup backup(const std::string& id, const std::string& lineage, int start, int stop) {
    return {.id = BackupId{id},
            .start = in(lineage, static_cast<std::uint64_t>(start)),
            .stop = in(lineage, static_cast<std::uint64_t>(stop)),
            .stop_time = minute(stop),
            .expires = minute(20000)};
}
ArchivedLog log(const std::string& lineage, int from, int to) {
    return {.lineage = LineageName{lineage},
            .from = static_cast<std::uint64_t>(from),
            .to = static_cast<std::uint64_t>(to),
            .last_commit = minute(to - 1),
            .known_through = {},
            .stored_at = minute(to)};
}
Lineage root(const std::string& name) {
    return {.name = LineageName{name}, .begins_at = 0, .parent = {}, .facts = {{"timeline", name}}};
}
Lineage child(const std::string& name, const std::string& parent, std::uint64_t at) {
    return {.name = LineageName{name}, .begins_at = at, .parent = in(parent, at), .facts = {{"timeline", name}}};
}
ChoiceTarget at_time(int count) { return {.kind = Kind::time, .time = minute(count)}; }

std::string path_of(const RestoreChoice& choice) {
    std::string text = choice.base.text();
    for (const auto& step : choice.path)
        text += " " + step.lineage.name.text() + "[" + std::to_string(step.from) + "," + std::to_string(step.to) + ")";
    return text;
}

/// "A 1[10,50)", or "refused 20 60": the nearest minutes before and after.
std::string answer(const ArchiveContent& archive, const ChoiceTarget& target) {
    try {
        return path_of(choose_restore(archive, target, now));
    } catch (const Error& error) {
        if (error.code_word() != "point_not_recoverable" || error.exit_code() != 22) return error.what();
        std::string text = "refused";
        for (const auto* key : {"nearest_before", "nearest_after"}) {
            const auto near = error.context().find(key);
            if (near == error.context().end())
                text += " -";
            else if (target.kind == Kind::time)
                text +=
                    " " + std::to_string(
                              std::chrono::duration_cast<std::chrono::minutes>(from_rfc3339(near->second) - minute(0)).count());
            else
                text += " " + near->second;
        }
        return text;
    }
}

/// 1: A at 10–15, log 5–100, B at 50–55.
ArchiveContent straight() {
    return {.backups = {backup("A", "1", 10, 15), backup("B", "1", 50, 55)},
            .lineages = {root("1")},
            .log = {log("1", 60, 100), log("1", 5, 30), log("1", 30, 60)},
            .print_position = {}};
}

}  // namespace

TEST_CASE("a base is chosen by when it stopped, and the newest one is taken") {
    const auto archive = straight();
    CHECK(answer(archive, at_time(15)) == "A 1[10,100)");
    CHECK(answer(archive, at_time(52)) == "A 1[10,100)");
    CHECK(answer(archive, at_time(54)) == "A 1[10,100)");
    CHECK(answer(archive, at_time(55)) == "B 1[50,100)");
    CHECK(answer(archive, at_time(99)) == "B 1[50,100)");
    CHECK(answer(archive, {.kind = Kind::latest}) == "B 1[50,100)");
    CHECK(answer(archive, {.kind = Kind::immediate}) == "B");
    CHECK(answer(archive, {.kind = Kind::immediate, .backup = BackupId{"A"}}) == "A");
    CHECK(answer(archive, {.kind = Kind::position, .position = 54}) == "A 1[10,100)");
    CHECK(answer(archive, {.kind = Kind::position, .position = 100}) == "B 1[50,100)");
}

TEST_CASE("what lies outside is refused with the nearest that can be had") {
    const auto archive = straight();
    CHECK(answer(archive, at_time(14)) == "refused - 15");
    CHECK(answer(archive, at_time(100)) == "refused 99 -");
    CHECK(answer(archive, {.kind = Kind::position, .position = 14}) == "refused - 15");
    CHECK(answer(archive, {.kind = Kind::position, .position = 101}) == "refused 100 -");
    CHECK(answer({}, {.kind = Kind::latest}) == "refused - -");

    try {
        choose_restore(archive, at_time(100), now);
        FAIL("chosen");
    } catch (const Error& error) {
        CHECK(error.remedy() == "The nearest that can be had: --at 2026-11-23T01:39:00Z.");
    }
}

TEST_CASE("an archive that had caught up promises more than its last commit, and says what it restores") {
    auto archive = straight();
    archive.log.front().known_through = minute(120);

    const auto choice = choose_restore(archive, at_time(110), now);

    CHECK(path_of(choice) == "B 1[50,100)");
    REQUIRE(choice.notes.size() == 1);
    CHECK(choice.notes.front().find("2026-11-23T01:39:00Z") != std::string::npos);
    CHECK(answer(archive, at_time(121)) == "refused 120 -");
}

TEST_CASE("a gap ends what the bases before it reach; a base after it begins anew") {
    ArchiveContent archive{.backups = {backup("A", "1", 10, 15), backup("B", "1", 70, 75)},
                           .lineages = {root("1")},
                           .log = {log("1", 5, 40), log("1", 60, 100)},
                           .print_position = {}};

    CHECK(answer(archive, at_time(39)) == "A 1[10,40)");
    CHECK(answer(archive, at_time(50)) == "refused 39 75");
    CHECK(answer(archive, at_time(65)) == "refused 39 75");
    CHECK(answer(archive, at_time(80)) == "B 1[70,100)");
    CHECK(answer(archive, {.kind = Kind::position, .position = 50}) == "refused 40 75");
    CHECK(recovery_windows(archive) ==
          std::vector<RecoveryWindow>{{minute(15), minute(39), LineageName{"1"}}, {minute(75), minute(99), LineageName{"1"}}});
    REQUIRE(log_holes(archive.log).size() == 1);
    CHECK(log_holes(archive.log).front().from == 40);
    CHECK(log_holes(archive.log).front().to == 60);
    CHECK(log_holes(archive.log).front().last_commit_before == minute(39));

    archive.backups.pop_back();
    // The newest of the archive cannot be had: an older state must not pass for it, unless that backup is asked for by name.
    CHECK_THROWS_WITH(choose_restore(archive, {.kind = Kind::latest}, now),
                      Contains("the log from 60 to 100") && Contains("a gap lies before it"));
    CHECK(answer(archive, {.kind = Kind::latest}) == "refused " + to_rfc3339(minute(39)) + " -");
    const auto named = choose_restore(archive, {.kind = Kind::latest, .backup = BackupId{"A"}}, now);
    CHECK(path_of(named) == "A 1[10,40)");
    REQUIRE(named.notes.size() == 1);
    CHECK(named.notes.front() == "A gap lies between this backup and the log from 60 to 100: that is not reached.");
}

TEST_CASE("a base on the way tells up to when the log before it is complete") {
    auto archive = straight();
    for (auto& stretch : archive.log) stretch.last_commit = minute(10);  // nothing was committed since
    CHECK(recovery_windows(archive).size() == 2);
    archive.backups[1].log_end = 60;

    CHECK(recovery_windows(archive) == std::vector<RecoveryWindow>{{minute(15), minute(55), LineageName{"1"}}});
    CHECK(answer(archive, at_time(40)) == "A 1[10,100)");
}

TEST_CASE("a base alone is enough where no log continues it") {
    ArchiveContent archive{.backups = {backup("A", "1", 10, 15)}, .lineages = {root("1")}, .log = {}, .print_position = {}};
    CHECK(answer(archive, {.kind = Kind::latest}) == "A");
    CHECK(answer(archive, at_time(15)) == "A");
    CHECK(answer(archive, at_time(16)) == "refused 15 -");
    CHECK(recovery_windows(archive) == std::vector<RecoveryWindow>{{minute(15), minute(15), LineageName{"1"}}});

    archive.log = {log("1", 20, 50)};  // begins after the base stopped: a hole lies between
    CHECK(answer(archive, at_time(30)) == "refused 15 -");
    CHECK(answer(archive, {.kind = Kind::latest}) == "refused " + to_rfc3339(minute(15)) + " -");

    archive.backups[0].log_end = 20;  // unless the backup has its own log up to there
    CHECK(answer(archive, at_time(30)) == "A 1[20,50)");
    CHECK(answer(archive, {.kind = Kind::latest}) == "A 1[20,50)");
    archive.backups[0].log_end = 19;
    CHECK(answer(archive, at_time(30)) == "refused 15 -");

    archive.log = {log("1", 15, 50)};  // begins where it stopped: what is before is in the backup
    CHECK(answer(archive, at_time(30)) == "A 1[15,50)");
}

TEST_CASE("a new timeline carries a base of the old one on; the abandoned end is reached by name only") {
    // 1: A ------ 60 ----- 90 (abandoned)
    // 2:          60 ------------- 150, written to last
    const ArchiveContent archive{.backups = {backup("A", "1", 10, 15)},
                                 .lineages = {root("1"), child("2", "1", 60)},
                                 .log = {log("1", 5, 60), log("1", 60, 90), log("2", 48, 100), log("2", 100, 150)},
                                 .print_position = {}};
    auto on_1 = at_time(80);
    on_1.lineage = LineageName{"1"};

    CHECK(answer(archive, {.kind = Kind::latest}) == "A 1[10,60) 2[48,150)");
    CHECK(answer(archive, at_time(30)) == "A 1[10,60) 2[48,150)");
    CHECK(answer(archive, on_1) == "A 1[10,90)");
    CHECK(answer(archive, {.kind = Kind::latest, .lineage = LineageName{"1"}}) == "A 1[10,90)");
    CHECK(answer(archive, {.kind = Kind::position, .position = 120}) == "A 1[10,60) 2[48,150)");
    on_1.time = minute(120);
    CHECK(answer(archive, on_1) == "refused 89 -");

    const auto both = choose_restore(archive, at_time(80), now);
    CHECK(path_of(both) == "A 1[10,60) 2[48,150)");
    REQUIRE(both.notes.size() == 1);
    CHECK(both.notes.front().find("Another lineage, 1, also holds that instant") == 0);
    CHECK(choose_restore(archive, at_time(30), now).notes.empty());

    CHECK(recovery_windows(archive) ==
          std::vector<RecoveryWindow>{{minute(15), minute(89), LineageName{"1"}}, {minute(59), minute(149), LineageName{"2"}}});
}

TEST_CASE("an instant that only the abandoned end of an old primary has is refused, and that end is named") {
    // 1: A ------ 60 ----- B ----- 200 (the old primary wrote on)
    // 2:          60 - 70, written to last, after a quiet time
    ArchiveContent archive{.backups = {backup("A", "1", 10, 15), backup("B", "1", 90, 95)},
                           .lineages = {root("1"), child("2", "1", 60)},
                           .log = {log("1", 5, 200), log("2", 60, 70)},
                           .print_position = {}};
    archive.log.back().stored_at = minute(300);

    CHECK(answer(archive, at_time(69)) == "A 1[10,60) 2[60,70)");
    CHECK(answer(archive, at_time(80)) == "refused 69 -");
    CHECK(answer(archive, at_time(100)) == "refused 69 -");
    CHECK(answer(archive, {.kind = Kind::position, .position = 100}) == "refused 70 -");
    CHECK(answer(archive, {.kind = Kind::time, .time = minute(100), .backup = BackupId{"B"}}) == "B 1[90,200)");
    CHECK(answer(archive, {.kind = Kind::time, .time = minute(100), .lineage = LineageName{"1"}}) == "B 1[90,200)");
    try {
        choose_restore(archive, at_time(100), now);
        FAIL("chosen");
    } catch (const Error& error) {
        CHECK_THAT(error.remedy(), Contains("which was left behind, holds it: --timeline 1."));
    }
}

TEST_CASE("a fork is chosen by its name only, not by its timeline's number and not as the newest") {
    auto fork = root("1/fork-abcd");
    fork.facts = {{"timeline", "1"}, {"forked_from", "1"}};
    ArchiveContent archive{.backups = {backup("A", "1", 10, 15)},
                           .lineages = {root("1"), fork},
                           .log = {log("1", 5, 100), log("1/fork-abcd", 50, 60)},
                           .print_position = {}};
    archive.log.back().stored_at = minute(500);

    CHECK(find_lineage(archive, "1") == LineageName{"1"});
    CHECK(find_lineage(archive, "1/fork-abcd") == LineageName{"1/fork-abcd"});
    CHECK(answer(archive, at_time(80)) == "A 1[10,100)");
}

TEST_CASE("a base taken on an abandoned end does not lead to the new timeline") {
    const ArchiveContent archive{.backups = {backup("A", "1", 10, 15), backup("B", "1", 65, 70)},
                                 .lineages = {root("1"), child("2", "1", 60)},
                                 .log = {log("1", 5, 60), log("1", 60, 90), log("2", 60, 150)},
                                 .print_position = {}};

    CHECK(answer(archive, {.kind = Kind::latest}) == "A 1[10,60) 2[60,150)");
    CHECK(answer(archive, {.kind = Kind::latest, .lineage = LineageName{"1"}}) == "B 1[65,90)");
    CHECK(answer(archive, {.kind = Kind::latest, .backup = BackupId{"B"}}) == "B 1[65,90)");
}

TEST_CASE("a gap before the switch keeps an old base from the new timeline") {
    ArchiveContent archive{.backups = {backup("A", "1", 10, 15)},
                           .lineages = {root("1"), child("2", "1", 60), child("3", "2", 100)},
                           .log = {log("1", 5, 40), log("2", 60, 100), log("3", 100, 200)},
                           .print_position = {}};

    CHECK(answer(archive, at_time(39)) == "A 1[10,40)");
    CHECK(answer(archive, at_time(80)) == "refused 39 -");
    CHECK(answer(archive, {.kind = Kind::latest}) == "refused " + to_rfc3339(minute(39)) + " -");

    archive.log.push_back(log("1", 40, 60));
    CHECK(answer(archive, at_time(80)) == "A 1[10,60) 2[60,100) 3[100,200)");
    CHECK(answer(archive, {.kind = Kind::latest}) == "A 1[10,60) 2[60,100) 3[100,200)");
}

TEST_CASE("a base that stopped at the very switch needs no log of the old timeline") {
    const ArchiveContent archive{.backups = {backup("A", "1", 50, 60)},
                                 .lineages = {root("1"), child("2", "1", 60)},
                                 .log = {log("2", 60, 150)},
                                 .print_position = {}};
    CHECK(answer(archive, {.kind = Kind::latest}) == "A 2[60,150)");

    // The same when the switch lies in what the backup carries itself.
    auto own = archive;
    own.backups[0] = backup("A", "1", 50, 55);
    CHECK(answer(own, at_time(80)) == "refused 55 -");
    own.backups[0].log_end = 64;
    CHECK(answer(own, at_time(80)) == "A 2[60,150)");
}

TEST_CASE("histories without a common origin are searched in turn, the one written to last first") {
    const ArchiveContent archive{.backups = {backup("A", "old", 10, 15), backup("B", "new", 210, 215)},
                                 .lineages = {root("old"), root("new")},
                                 .log = {log("old", 5, 100), log("new", 200, 300)},
                                 .print_position = {}};

    CHECK(answer(archive, at_time(50)) == "A old[10,100)");
    CHECK(answer(archive, at_time(250)) == "B new[210,300)");
    CHECK(answer(archive, at_time(150)) == "refused 99 215");
    CHECK(find_lineage(archive, "new") == LineageName{"new"});
    CHECK_FALSE(find_lineage(archive, "7"));
}

TEST_CASE("a whole backup goes before a partial or an expired one, which are used when nothing else is there") {
    auto archive = straight();
    archive.backups[1].partial = true;
    CHECK(answer(archive, at_time(80)) == "A 1[10,100)");
    CHECK(answer(archive, {.kind = Kind::latest}) == "A 1[10,100)");

    archive.backups[0].expires = minute(9000);
    CHECK(answer(archive, at_time(80)) == "A 1[10,100)");

    archive.backups[0].stop_time = minute(85);
    const auto choice = choose_restore(archive, at_time(80), now);
    CHECK(choice.base == BackupId{"B"});
    REQUIRE(choice.notes.size() == 1);
    CHECK(choice.notes.front().find("partial") != std::string::npos);
}

TEST_CASE("a source without a log gives back the newest backup before the instant") {
    ArchiveContent archive;
    for (const auto stop : {10, 20, 30})
        archive.backups.push_back({.id = BackupId{"F" + std::to_string(stop)},
                                   .start = {},
                                   .stop = {},
                                   .stop_time = minute(stop),
                                   .expires = minute(20000)});

    CHECK(answer(archive, at_time(9)) == "refused - 10");
    CHECK(answer(archive, at_time(25)) == "F20");
    CHECK(answer(archive, at_time(500)) == "F30");
    CHECK(choose_restore(archive, at_time(25), now).notes.size() == 1);  // that there is no log, and nothing of lineages
    CHECK(answer(archive, {.kind = Kind::latest}) == "F30");
    CHECK(recovery_windows(archive).size() == 3);
}

TEST_CASE("a backup or lineage that is not there is named in the refusal") {
    CHECK_THROWS_WITH(choose_restore(straight(), {.kind = Kind::immediate, .backup = BackupId{"Z"}}, now),
                      Catch::Contains("'Z'"));
    CHECK_THROWS_WITH(choose_restore(straight(), {.kind = Kind::latest, .lineage = LineageName{"9"}}, now),
                      Catch::Contains("'9'"));
}

TEST_CASE("in any archive of one lineage, an instant is granted exactly when a base and unbroken log lead to it") {
    std::mt19937_64 random{Catch::rngSeed()};
    const auto below = [&](int most) { return static_cast<int>(random() % static_cast<unsigned>(most)); };

    for (int round = 0; round < 200; ++round) {
        ArchiveContent archive{.backups = {}, .lineages = {root("1")}, .log = {}, .print_position = {}};
        std::vector<bool> has(200, false);
        for (int i = 0; i < 6; ++i) {
            const int from = below(150), to = from + 2 + below(40);
            archive.log.push_back(log("1", from, to));
            std::fill(has.begin() + from, has.begin() + to, true);
        }
        for (int i = 0; i < 3; ++i) {
            const int start = below(150);
            archive.backups.push_back(backup("B" + std::to_string(i), "1", start, start + 1 + below(10)));
        }

        for (int position = 0; position < 200; ++position) {
            bool possible = false;
            for (const auto& base : archive.backups) {
                const auto stop = static_cast<int>(base.stop->at);
                possible = possible || (stop <= position &&
                                        std::all_of(has.begin() + stop, has.begin() + position, [](bool b) { return b; }));
            }
            const auto given = answer(archive, {.kind = Kind::position, .position = static_cast<std::uint64_t>(position)});
            CAPTURE(round, position, given);
            if ((given.find("refused") != 0) != possible) REQUIRE((given.find("refused") != 0) == possible);
        }
    }
}

#include "policy/retention_plan.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <sstream>

#include "c_library_clock.hpp"
#include "retention_cases.hpp"
#include "retention_oracle.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

std::string text_of(const std::vector<Kept>& kept) {
    std::string text = "{";
    for (const auto& one : kept)
        text += " " + std::to_string(static_cast<int>(one.reason)) + (one.until ? "@" + to_rfc3339(*one.until) : "");
    return text + " }";
}

/// Everything that a person needs to look into a case.
std::string text_of(const test::RetentionCase& made) {
    std::ostringstream out;
    out << "now " << to_rfc3339(made.clocks.store) << ", host " << to_rfc3339(made.clocks.host) << ", pitr "
        << (made.rule.pitr ? std::to_string(made.rule.pitr->days) + "d " + std::to_string(made.rule.pitr->months) + "mo" : "-")
        << "\n";
    for (const auto& backup : made.archive.backups)
        out << backup.id << " begun " << to_rfc3339(backup.begun) << " committed " << to_rfc3339(backup.committed) << " stop "
            << to_rfc3339(backup.stop_time) << " " << backup.tiers << " expires " << to_rfc3339(backup.expires) << " "
            << (backup.stop ? backup.stop->lineage.text() + ":" + std::to_string(backup.stop->at) : "-")
            << (backup.everywhere ? "" : " not everywhere") << (backup.verified ? " verified" : "")
            << (backup.readable ? "" : " unreadable") << "\n";
    for (const auto& log : made.archive.log)
        out << log.lineage << " [" << log.from << ", " << log.to << ") stored " << to_rfc3339(log.stored_at) << "\n";
    for (const auto& lineage : made.archive.lineages)
        if (lineage.parent) out << lineage.name << " left " << lineage.parent->lineage << " at " << lineage.parent->at << "\n";
    for (const auto& note : made.archive.notes)
        out << "note " << static_cast<int>(note.kind) << " " << to_rfc3339(note.time) << " "
            << (note.backup ? note.backup->text() : "-") << " " << (note.until ? to_rfc3339(*note.until) : "-") << "\n";
    return out.str();
}

/// How often a reason alone decided.
using Deciding = std::map<KeepReason, int>;

void count(Deciding& deciding, const std::vector<Kept>& kept) {
    if (kept.size() == 1) ++deciding[kept.front().reason];
}

/// Nothing when both say the same.
std::string difference(const test::RetentionCase& made, const RetentionPlan& plan, const test::OracleAnswer& expected) {
    if (plan.pauses.empty() == expected.paused) return expected.paused ? "it must pause" : "it must not pause";
    for (std::size_t i = 0; i < expected.backups.size(); ++i)
        if (plan.backups[i].kept != expected.backups[i])
            return made.archive.backups[i].id.text() + ": " + text_of(plan.backups[i].kept) + " instead of " +
                   text_of(expected.backups[i]);
    for (std::size_t i = 0; i < expected.log.size(); ++i)
        if (plan.log[i].kept != expected.log[i])
            return made.archive.log[i].lineage.text() + " [" + std::to_string(made.archive.log[i].from) + ": " +
                   text_of(plan.log[i].kept) + " instead of " + text_of(expected.log[i]);
    return {};
}

}  // namespace

TEST_CASE("in ten thousand archives, the plan keeps what an oracle keeps that looks at each object by itself") {
    std::mt19937_64 random{Catch::rngSeed()};
    Deciding deciding;
    std::map<RetentionPause::Kind, int> pausing;
    int backups_gone = 0, log_gone = 0, running = 0;
    for (const std::string zone : {"Europe/Paris", "America/New_York"}) {
        const test::CLibraryClock clock{zone};
        for (int i = 0; i < 5000; ++i) {
            const auto made = test::make_retention_case(random, zone);
            const auto plan = plan_retention(made.archive, made.rule, made.zone, made.clocks);
            REQUIRE(plan.backups.size() == made.archive.backups.size());
            REQUIRE(plan.log.size() == made.archive.log.size());
            const auto expected = test::oracle(made.archive, made.rule, made.clocks, test::case_positions);
            if (const auto different = difference(made, plan, expected); !different.empty())
                FAIL("case " << i << " of " << zone << ", seed " << Catch::rngSeed() << ": " << different << "\n"
                             << text_of(made));
            for (const auto& decision : plan.backups) {
                count(deciding, decision.kept);
                backups_gone += decision.kept.empty() ? 1 : 0;
            }
            for (const auto& decision : plan.log) {
                count(deciding, decision.kept);
                log_gone += decision.kept.empty() ? 1 : 0;
            }
            if (plan.pauses.size() == 1) ++pausing[plan.pauses.front().kind];
            running += plan.pauses.empty() ? 1 : 0;
        }
    }

    // Every rule was the one that decided, and often enough.
    for (const auto reason : {KeepReason::not_expired, KeepReason::held, KeepReason::unreadable, KeepReason::no_anchor,
                              KeepReason::window_base, KeepReason::two_newest, KeepReason::newest_verified,
                              KeepReason::newest_monthly, KeepReason::young_log, KeepReason::way_of_base}) {
        CAPTURE(words_of(reason));
        CHECK(deciding[reason] > 100);
    }
    using Kind = RetentionPause::Kind;
    for (const auto kind :
         {Kind::suspect, Kind::clocks_differ, Kind::future_object, Kind::silence, Kind::silence_unacknowledged}) {
        CAPTURE(static_cast<int>(kind));
        CHECK(pausing[kind] > 50);
    }
    CHECK(backups_gone > 5000);
    CHECK(log_gone > 5000);
    CHECK(running > 3000);
}

// ---- the rules that a reader may doubt, one by one

namespace {

const RetentionRule thirty_days{.daily = {.days = 30}, .monthly = KeepLength{.months = 12}, .pitr = KeepLength{.days = 30}};
const Instant today{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}};
Instant days_ago(int days) { return today - days * 24h; }

RetainedBackup base(const std::string& id, int age, const std::string& lineage, std::uint64_t at) {
    RetainedBackup backup;
    backup.id = BackupId{id};
    backup.begun = backup.committed = backup.stop_time = days_ago(age);
    backup.expires = days_ago(age - 30);
    backup.tiers = "d";
    backup.start = backup.stop = LogPosition{LineageName{lineage}, at, {}};
    return backup;
}
RetainedLog log_of(const std::string& lineage, std::uint64_t from, std::uint64_t to, int age) {
    RetainedLog log;
    log.lineage = LineageName{lineage};
    log.from = from;
    log.to = to;
    log.stored_at = days_ago(age);
    return log;
}
Lineage left(const std::string& name, const std::string& parent, std::uint64_t at) {
    return {.name = LineageName{name}, .begins_at = at, .parent = LogPosition{LineageName{parent}, at, {}}, .facts = {}};
}
RetentionPlan plan_of(const RetentionArchive& archive) {
    return plan_retention(archive, thirty_days, {}, {.store = today, .host = today, .objects = {days_ago(0)}});
}
/// Ids of those that may go.
std::string gone(const RetentionArchive& archive) {
    const auto plan = plan_of(archive);
    std::string ids;
    for (std::size_t i = 0; i < archive.backups.size(); ++i)
        if (plan.backups[i].kept.empty()) ids += archive.backups[i].id.text();
    return ids;
}

}  // namespace

TEST_CASE("a base on a branch that was left behind is no anchor for where the source went on") {
    // 1: A at 100, X at 180; 50 days ago it went back to 150, and on as 2: with B and C.
    RetentionArchive archive{
        .backups = {base("A", 60, "1", 100), base("X", 55, "1", 180), base("B", 20, "2", 200), base("C", 1, "2", 300)},
        .log = {log_of("1", 100, 190, 51), log_of("2", 150, 310, 0)},
        .lineages = {{.name = LineageName{"1"}, .begins_at = 0, .parent = {}, .facts = {}}, left("2", "1", 150)}};

    CHECK(gone(archive) == "");
    archive.backups.push_back(base("D", 31, "2", 160));
    CHECK(gone(archive) == "AX");
}

TEST_CASE("log of a branch that was left behind stays until it is older than the window") {
    RetentionArchive archive{
        .backups = {base("A", 60, "1", 100), base("D", 33, "2", 160), base("B", 20, "2", 200), base("C", 1, "2", 300)},
        .log = {log_of("1", 150, 190, 29), log_of("2", 150, 310, 0)},
        .lineages = {{.name = LineageName{"1"}, .begins_at = 0, .parent = {}, .facts = {}}, left("2", "1", 150)}};

    CHECK_FALSE(plan_of(archive).log[0].kept.empty());
    archive.log[0].stored_at = days_ago(31);
    CHECK(plan_of(archive).log[0].kept.empty());
    CHECK_FALSE(plan_of(archive).log[1].kept.empty());
}

TEST_CASE("a retired source passes away with its last expiry") {
    RetentionArchive archive{.backups = {base("A", 90, "1", 100), base("B", 80, "1", 200), base("C", 70, "1", 300)},
                             .log = {log_of("1", 100, 310, 60)},
                             .lineages = {{.name = LineageName{"1"}, .begins_at = 0, .parent = {}, .facts = {}}}};

    CHECK(gone(archive) == "A");  // the two newest stay
    archive.backups[1].expires = archive.backups[2].expires = days_ago(-1);
    archive.notes = {{.kind = RetentionNote::Kind::retire, .time = days_ago(60)}};
    CHECK(gone(archive) == "A");
    archive.backups[1].expires = archive.backups[2].expires = days_ago(1);
    CHECK(gone(archive) == "ABC");
    CHECK(plan_of(archive).log[0].kept.empty());
}

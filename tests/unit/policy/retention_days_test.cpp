// Four hundred days in the life of a source, collected day by day.
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "c_library_clock.hpp"
#include "policy/retention_forecast.hpp"
#include "retention_oracle.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

constexpr int days_of_life = 400;
constexpr int log_objects_a_day = 3;
constexpr std::uint64_t positions = 1300;

ArchiveContent content_of(const RetentionArchive& archive) {
    ArchiveContent content;
    content.backups.assign(archive.backups.begin(), archive.backups.end());
    content.log.assign(archive.log.begin(), archive.log.end());
    content.lineages = archive.lineages;
    return content;
}

/// What of the windows lies after `since`.
std::vector<RecoveryWindow> windows_since(const RetentionArchive& archive, Instant since) {
    std::vector<RecoveryWindow> found;
    for (auto window : recovery_windows(content_of(archive))) {
        if (window.to < since) continue;
        window.from = std::max(window.from, since);
        found.push_back(std::move(window));
    }
    return found;
}

using LogId = std::pair<std::string, std::uint64_t>;
LogId id_of(const RetainedLog& log) { return {log.lineage.text(), log.from}; }

/// A source, its archive, and what happens to both.
class Life {
public:
    Life(const RetentionRule& rule, const PolicyZone& zone, Instant birth, bool has_log)
        : rule_{rule}, zone_{zone}, birth_{birth}, has_log_{has_log}, random_{Catch::rngSeed()} {
        if (has_log) archive.lineages.push_back({.name = LineageName{"8"}, .begins_at = 0, .parent = {}, .facts = {}});
    }

    RetentionArchive archive;
    RetentionClocks clocks;
    BackupId held;  ///< for months, long after its time

    void pass(int day) {
        const auto midnight = birth_ + day * 24h;
        if (has_log_ && day % 43 == 42) go_back(midnight);
        if (has_log_)
            for (int i = 0; i < log_objects_a_day; ++i) ship(midnight + i * 24h / log_objects_a_day);
        // Missed now and then, once for two weeks; two on some days.
        const int backups = day % 200 >= 150 && day % 200 < 164 ? 0 : in(5) ? 0 : in(10) ? 2 : 1;
        for (int i = 0; i < backups; ++i) back_up(midnight + 2h + std::chrono::minutes{random_() % 1200}, day % 90 >= 3);
        for (auto& backup : archive.backups) backup.verified = backup.verified || in(20);
        clocks.store = clocks.host = midnight + 24h - 1s;
        if (day % 77 == 5) clocks.host += 6min;
        clocks.objects.push_back(clocks.store);
        if (day == 100) note(RetentionNote::Kind::suspect);
        if (day == 111) note(RetentionNote::Kind::acknowledged);
        if (day == 180) note(RetentionNote::Kind::hold);
        if (day == 300) note(RetentionNote::Kind::release);
    }

private:
    bool in(unsigned percent) { return random_() % 100 < percent; }

    void note(RetentionNote::Kind kind) {
        archive.notes.push_back({.kind = kind, .time = clocks.store});
        if (kind == RetentionNote::Kind::hold || kind == RetentionNote::Kind::release) archive.notes.back().backup = held;
    }

    /// Restored to some days ago: from there on under another name, which sorts before or after the old one.
    void go_back(Instant now) {
        const auto& parent = archive.lineages.back();
        const auto back = std::min<std::uint64_t>(random_() % (5 * log_objects_a_day), position_ - parent.begins_at);
        position_ -= back;
        Lineage child{.name = LineageName{std::to_string((archive.lineages.size() * 7) % 10) + "/" + to_stamp(now)},
                      .begins_at = position_,
                      .parent = LogPosition{parent.name, position_, {}},
                      .facts = {}};
        archive.lineages.push_back(std::move(child));
    }

    void ship(Instant time) {
        RetainedLog log;
        log.lineage = archive.lineages.back().name;
        log.from = position_;
        log.to = ++position_;
        log.last_commit = time;
        log.stored_at = time + 10s;
        archive.log.push_back(std::move(log));
    }

    void back_up(Instant time, bool everywhere) {
        RetainedBackup backup;
        backup.begun = time;
        backup.stop_time = time + 20min;
        backup.committed = time + 21min;
        backup.tiers = tiers_for(time, history_, rule_, zone_);
        backup.expires = expiry_of(time, backup.tiers, rule_, zone_);
        backup.everywhere = everywhere;
        backup.id = BackupId{to_stamp(time)};
        if (has_log_) {
            const auto& lineage = archive.lineages.back();
            backup.start = LogPosition{lineage.name, std::max(position_, lineage.begins_at + 1) - 1, {}};
            backup.stop = LogPosition{lineage.name, position_, {}};
        }
        if (history_.size() == 3) held = backup.id;
        history_.push_back({.start = time, .tiers = backup.tiers});
        archive.backups.push_back(std::move(backup));
    }

    RetentionRule rule_;
    PolicyZone zone_;
    Instant birth_;
    bool has_log_;
    std::mt19937_64 random_;
    std::uint64_t position_ = 0;
    std::vector<TierHistory> history_;
};

/// What was said to go, before it goes.
struct Announced {
    std::set<BackupId> backups;
    std::set<LogId> log;

    void add(const RetentionArchive& archive, const RetentionForecast& forecast) {
        for (const auto& deletion : forecast.deletions) {
            if (deletion.backup) backups.insert(*deletion.backup);
            for (const auto& one : archive.log)
                if (!deletion.backup && one.lineage == deletion.lineage && deletion.from <= one.from && one.to <= deletion.to)
                    log.insert(id_of(one));
        }
    }
};

void remove_condemned(RetentionArchive& archive, const RetentionPlan& plan, const Announced& announced, bool all_announced) {
    RetentionArchive left{.backups = {}, .log = {}, .lineages = archive.lineages, .notes = archive.notes};
    for (std::size_t i = 0; i < archive.backups.size(); ++i) {
        if (!plan.backups[i].kept.empty())
            left.backups.push_back(archive.backups[i]);
        else if (all_announced && !announced.backups.contains(archive.backups[i].id))
            FAIL("backup " << archive.backups[i].id << " goes unannounced");
    }
    for (std::size_t i = 0; i < archive.log.size(); ++i) {
        if (!plan.log[i].kept.empty())
            left.log.push_back(archive.log[i]);
        else if (all_announced && !announced.log.contains(id_of(archive.log[i])))
            FAIL("log " << archive.log[i].lineage << ":" << archive.log[i].from << " goes unannounced");
    }
    archive = std::move(left);
}

bool same(const RetentionPlan& plan, const test::OracleAnswer& expected) {
    if (plan.pauses.empty() == expected.paused) return false;
    for (std::size_t i = 0; i < expected.backups.size(); ++i)
        if (plan.backups[i].kept != expected.backups[i]) return false;
    for (std::size_t i = 0; i < expected.log.size(); ++i)
        if (plan.log[i].kept != expected.log[i]) return false;
    return true;
}

struct Course {
    std::string zone;
    std::chrono::year_month_day birth;
    RetentionRule rule;
    bool has_log;
};

}  // namespace

TEST_CASE("over four hundred days every deletion was announced, and no instant of the window is ever lost") {
    using namespace std::chrono;
    const RetentionRule database{.daily = {.days = 30}, .monthly = KeepLength{.months = 12}, .pitr = KeepLength{.days = 30}};
    const RetentionRule data{.daily = {.days = 30}, .weekly = KeepLength{.months = 6}};
    const auto course = GENERATE_COPY(values<Course>({{"Europe/Paris", 2026y / 10 / 1, database, true},
                                                      {"America/New_York", 2027y / 9 / 1, database, true},
                                                      {"Europe/Paris", 2026y / 10 / 1, data, false},
                                                      {"America/New_York", 2027y / 9 / 1, data, false}}));
    const PolicyZone zone{.name = course.zone};
    const test::CLibraryClock clock{zone.name};
    Life life{course.rule, zone, sys_days{course.birth} + 7h, course.has_log};
    Announced announced;
    int removals = 0, pauses = 0;

    for (int day = 0; day < days_of_life; ++day) {
        CAPTURE(course.zone, course.has_log, day, Catch::rngSeed());
        life.pass(day);
        if (day == 300) announced.backups.insert(life.held);  // by the admin who releases it
        const auto plan = plan_retention(life.archive, course.rule, zone, life.clocks);
        if (!same(plan, test::oracle(life.archive, course.rule, life.clocks, positions))) FAIL("the oracle keeps something else");
        if (!plan.pauses.empty()) {
            ++pauses;
            continue;
        }

        const auto promised = life.clocks.store - 30 * 24h;
        const auto before = windows_since(life.archive, promised);
        const auto held = life.archive.backups.size() + life.archive.log.size();
        remove_condemned(life.archive, plan, announced, day > 0);
        removals += static_cast<int>(held - life.archive.backups.size() - life.archive.log.size());
        if (course.has_log && windows_since(life.archive, promised) != before) FAIL("a window shrank");
        if (course.has_log && day > 35) {
            const ChoiceTarget target{.kind = ChoiceTarget::Kind::time, .time = promised + 1min};
            try {
                choose_restore(content_of(life.archive), target, life.clocks.store);
            } catch (const Error& error) {
                FAIL(error.what());
            }
        }
        if (day % 10 == 0) announced.add(life.archive, forecast_retention(life.archive, course.rule, zone, life.clocks, 30));
    }

    CHECK(removals > (course.has_log ? 1000 : 200));
    CHECK(pauses > 10);
    // In the end: 30 dailies or so, and what weeks and months keep; about 30 days of log.
    CHECK(life.archive.backups.size() > 35);
    CHECK(life.archive.backups.size() < 90);
    CHECK(life.archive.log.size() < 60 * log_objects_a_day);
}

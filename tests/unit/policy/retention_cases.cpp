#include "retention_cases.hpp"

#include <algorithm>
#include <array>

namespace varve::test {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

class CaseMaker {
public:
    CaseMaker(std::mt19937_64& random, const std::string& zone) : random_{random} { made_.zone.name = zone; }

    RetentionCase make() {
        made_.rule = rule();
        set_now();
        live();
        write_notes();
        fall_behind();
        set_clocks();
        std::ranges::shuffle(made_.archive.backups, random_);
        std::ranges::shuffle(made_.archive.log, random_);
        std::ranges::shuffle(made_.archive.notes, random_);
        std::ranges::shuffle(made_.archive.lineages, random_);
        return std::move(made_);
    }

private:
    int number(int least, int most) { return std::uniform_int_distribution{least, most}(random_); }
    bool in(int percent) { return number(1, 100) <= percent; }
    template <class Duration>
    Duration some(Duration least, Duration most) {
        return Duration{std::uniform_int_distribution<std::int64_t>{least.count(), most.count()}(random_)};
    }

    RetentionRule rule() {
        RetentionRule rule{.daily = {.days = number(1, 40)}};
        if (in(50)) rule.weekly = KeepLength{.months = number(2, 6)};
        if (in(50)) rule.monthly = KeepLength{.months = number(2, 14)};
        if (in(80)) rule.pitr = in(70) ? KeepLength{.days = number(1, 40)} : KeepLength{.months = number(1, 2)};
        return rule;
    }

    void set_now() {
        using namespace std::chrono;
        constexpr std::array odd{2026y / 12 / 28, 2027y / 1 / 3,   2027y / 1 / 31, 2028y / 2 / 29, 2028y / 3 / 1,
                                 2026y / 3 / 29,  2026y / 10 / 25, 2026y / 3 / 8,  2026y / 11 / 1, 2027y / 3 / 28,
                                 2027y / 11 / 7,  2026y / 12 / 31, 2032y / 2 / 29, 2033y / 1 / 1};
        const auto day = sys_days{odd[static_cast<std::size_t>(number(0, odd.size() - 1))]};
        now_ = day + some(seconds{-2 * 86400}, seconds{2 * 86400});
        if (in(50)) now_ += days{number(0, 62)};
        span_ =
            std::array{days{number(3, 20)}, days{number(20, 70)}, days{number(70, 450)}}[static_cast<std::size_t>(number(0, 2))];
    }

    // ---- the life of a source

    void live() {
        const bool has_log = in(80);
        const int steps = number(4, 40);
        const int daily = number(0, 2);
        if (has_log) new_root();
        auto time = now_ - span_;
        for (int i = 0; i < steps; ++i) {
            auto pause = std::chrono::duration_cast<seconds>(span_) / steps;
            if (in(20)) pause = some(1s, seconds{3600});
            if (in(5)) pause *= 3;
            time += some(pause / 2, pause);
            if (time >= now_ && !in(2)) break;
            if (has_log) ship(time);
            if (has_log && in(12)) branch(time);
            if (has_log && in(3)) new_root();
            for (int copies = in(60) ? 1 : daily; copies > 0; --copies) back_up(time + some(0s, 7200s), has_log);
        }
    }

    Lineage& here() { return made_.archive.lineages[here_]; }
    std::string new_name() { return std::to_string(number(0, 9)) + "/" + std::to_string(made_.archive.lineages.size()); }

    void new_root() {
        made_.archive.lineages.push_back({.name = LineageName{new_name()}, .begins_at = 0, .parent = {}, .facts = {}});
        here_ = made_.archive.lineages.size() - 1;
        position_ = 0;
        ends_.push_back(0);
    }

    /// The source goes back to an earlier position of some lineage, and on from there under a new name.
    void branch(Instant time) {
        const auto from = static_cast<std::size_t>(number(0, static_cast<int>(made_.archive.lineages.size()) - 1));
        const auto& parent = made_.archive.lineages[from];
        if (ends_[from] <= parent.begins_at) return;
        const auto at = static_cast<std::uint64_t>(number(static_cast<int>(parent.begins_at), static_cast<int>(ends_[from])));
        Lineage child{.name = LineageName{new_name()}, .begins_at = at, .parent = LogPosition{parent.name, at, {}}, .facts = {}};
        made_.archive.lineages.push_back(std::move(child));
        here_ = made_.archive.lineages.size() - 1;
        position_ = at;
        ends_.push_back(at);
        if (in(30)) put_log(at, at, time);  // its history
    }

    void put_log(std::uint64_t from, std::uint64_t to, Instant time) {
        RetainedLog log;
        log.lineage = here().name;
        log.from = from;
        log.to = to;
        log.stored_at = time;
        if (in(90)) log.last_commit = time - some(0s, 3600s);
        if (in(3)) log.last_commit = time + some(-10 * 86400s, 10 * 86400s);
        log.bytes = 100;
        made_.archive.log.push_back(std::move(log));
    }

    void ship(Instant time) {
        for (int i = number(1, 2); i > 0; --i) {
            const auto from = position_ - (in(10) && position_ > here().begins_at ? 1 : 0);
            position_ = std::min<std::uint64_t>(position_ + static_cast<std::uint64_t>(number(1, 4)), case_positions - 2);
            ends_[here_] = position_;
            if (from < position_ && in(93)) put_log(from, position_, time + some(0s, 600s));
        }
    }

    void back_up(Instant time, bool has_log) {
        RetainedBackup backup;
        backup.begun = time;
        if (in(4)) backup.begun += some(-5 * 86400s, 1 * 86400s);  // a clock was wrong
        backup.committed = backup.begun + (in(90) ? some(60s, 7200s) : some(0s, 3 * 86400s));
        backup.stop_time = backup.begun + some(0s, 3600s);
        if (in(5)) backup.stop_time += some(-20 * 86400s, 20 * 86400s);
        const auto by = in(80) ? made_.rule : rule();
        backup.tiers = tiers_for(backup.begun, history_, by, made_.zone);
        backup.expires = expiry_of(backup.begun, backup.tiers, by, made_.zone);
        backup.everywhere = in(92);
        backup.verified = in(25);
        backup.readable = in(97);
        if (has_log && in(97)) {
            const auto begin = std::max(here().begins_at, position_ - std::min<std::uint64_t>(position_, in(30) ? 2 : 0));
            if (in(95)) backup.start = LogPosition{here().name, begin, {}};
            backup.stop = LogPosition{here().name, position_, {}};
        }
        backup.id = BackupId{std::to_string(number(0, 999)) + "-" + std::to_string(made_.archive.backups.size())};
        history_.push_back({.start = backup.begun, .tiers = backup.tiers});
        made_.archive.backups.push_back(std::move(backup));
    }

    // ---- what people say of it

    void write_notes() {
        if (in(55)) return;
        using Kind = RetentionNote::Kind;
        constexpr std::array kinds{Kind::suspect, Kind::acknowledged, Kind::hold,   Kind::release,
                                   Kind::retire,  Kind::shorten,      Kind::shorten};
        for (int i = number(1, 7); i > 0; --i) {
            RetentionNote note{.kind = kinds[static_cast<std::size_t>(number(0, kinds.size() - 1))],
                               .time = now_ - some(0s, seconds{10 * 86400})};
            if (note.kind == Kind::suspect && in(60)) continue;
            if (in(5)) note.time = now_ + some(0s, 400s);
            if (in(10)) note.time = now_ - 72h + some(-1s, 1s);
            const auto count = static_cast<int>(made_.archive.backups.size());
            if (count > 0 && in(note.kind == Kind::acknowledged ? 40 : 85))
                note.backup = made_.archive.backups[static_cast<std::size_t>(number(0, count - 1))].id;
            if (note.kind == Kind::shorten || (note.kind == Kind::hold && in(60)))
                note.until = now_ + some(seconds{-20 * 86400}, seconds{20 * 86400});
            if (in(10) && note.until) note.until = now_;
            made_.archive.notes.push_back(std::move(note));
        }
    }

    /// A copy that was away for a while, or lost something.
    void fall_behind() {
        if (!in(15)) return;
        const auto since = now_ - some(0s, std::chrono::duration_cast<seconds>(span_));
        const bool came_back = in(50);
        const auto away = [&](Instant time) { return time > since && !(came_back && time > since + 5 * days{1}); };
        std::erase_if(made_.archive.backups, [&](const RetainedBackup& backup) { return away(backup.begun); });
        std::erase_if(made_.archive.log, [&](const RetainedLog& log) { return away(log.stored_at); });
    }

    Instant border() {
        const auto& backup =
            made_.archive.backups[static_cast<std::size_t>(number(0, static_cast<int>(made_.archive.backups.size()) - 1))];
        if (!made_.rule.pitr || in(30)) return backup.expires;
        const RetentionRule window{.daily = *made_.rule.pitr};
        if (made_.archive.log.empty() || in(50))
            return expiry_of(std::max(backup.stop_time, backup.committed), "d", window, made_.zone);
        const auto& log = made_.archive.log[static_cast<std::size_t>(number(0, static_cast<int>(made_.archive.log.size()) - 1))];
        return expiry_of(std::max(log.stored_at, log.last_commit.value_or(log.stored_at)), "d", window, made_.zone);
    }

    void set_clocks() {
        auto& clocks = made_.clocks;
        clocks.store = now_;
        // Right at the border of what happens, where a rule that is off by one shows.
        if (in(20) && !made_.archive.backups.empty()) clocks.store = border();
        clocks.host = clocks.store;
        if (in(8)) clocks.host += std::array<seconds, 4>{300s, -300s, 301s, -301s}[static_cast<std::size_t>(number(0, 3))];
        if (in(70)) {  // else the objects are those of other sources
            for (const auto& backup : made_.archive.backups) clocks.objects.push_back(backup.committed);
            for (const auto& log : made_.archive.log) clocks.objects.push_back(log.stored_at);
        }
        if (in(85))
            for (int i = 1; i < 40; ++i) clocks.objects.push_back(clocks.store - i * 24h);
        if (in(50)) clocks.objects.push_back(clocks.store - 72h + some(-1s, 1s));
        if (in(20)) clocks.acknowledged.push_back(clocks.store - some(seconds{-60}, seconds{30 * 86400}));
        if (in(5)) clocks.acknowledged.push_back(clocks.store + some(0s, 100s));
    }

    std::mt19937_64& random_;
    RetentionCase made_;
    Instant now_;
    days span_{};
    std::size_t here_ = 0;
    std::uint64_t position_ = 0;
    std::vector<std::uint64_t> ends_;
    std::vector<TierHistory> history_;
};

}  // namespace

RetentionCase make_retention_case(std::mt19937_64& random, const std::string& zone) { return CaseMaker{random, zone}.make(); }

}  // namespace varve::test

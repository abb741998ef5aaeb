#include "retention_oracle.hpp"

#include <algorithm>
#include <ctime>
#include <set>

namespace varve::test {

namespace {

using Microseconds = std::int64_t;

Microseconds digits(Instant time) { return time.time_since_epoch().count(); }
constexpr Microseconds second = 1'000'000, day = 86'400 * second;

Microseconds shown_at(Microseconds when) {
    auto seconds = static_cast<std::time_t>(when / second);
    if (when % second < 0) --seconds;
    std::tm wall{};
    localtime_r(&seconds, &wall);
    return when + wall.tm_gmtoff * second;
}

/// The first moment at which the wall clock shows `wanted`, or has passed it.
Microseconds first_showing(Microseconds wanted) {
    const auto shift_before = shown_at(wanted - 2 * day) - (wanted - 2 * day);
    const auto shift_after = shown_at(wanted + 2 * day) - (wanted + 2 * day);
    for (const auto when : {wanted - std::max(shift_before, shift_after), wanted - std::min(shift_before, shift_after)})
        if (shown_at(when) == wanted) return when;
    // The clock jumps over it: the jump lies between a moment that shows less and one that shows more.
    auto low = wanted - 2 * day, high = wanted + 2 * day;
    while (high - low > 1) (shown_at(low + (high - low) / 2) > wanted ? high : low) = low + (high - low) / 2;
    return high;
}

Microseconds after(Microseconds start, const KeepLength& length) {
    if (length.months == 0) return start + length.days * day;
    const auto shown = shown_at(start);
    auto seconds = static_cast<std::time_t>(shown / second);
    std::tm date{};
    gmtime_r(&seconds, &date);
    const int wanted_month = (date.tm_mon + length.months) % 12;
    date.tm_year += (date.tm_mon + length.months) / 12;
    date.tm_mon = wanted_month;
    std::tm tried = date;
    for (auto utc = timegm(&tried); tried.tm_mon != wanted_month; utc = timegm(&tried)) {
        static_cast<void>(utc);
        --date.tm_mday;  // no such day in that month
        tried = date;
    }
    return first_showing(timegm(&date) * second + shown % second) + length.days * day;
}

struct Note {
    const RetentionNote& note;
    bool is(RetentionNote::Kind kind) const { return note.kind == kind; }
    bool about(const BackupId& id) const { return note.backup && *note.backup == id; }
    bool about_the_source() const { return !note.backup; }
};

/// One case, looked at by somebody in no hurry.
class Oracle {
public:
    Oracle(const RetentionArchive& archive, const RetentionRule& rule, const RetentionClocks& clocks, std::uint64_t positions)
        : archive_{archive}, rule_{rule}, clocks_{clocks}, positions_{positions}, now_{digits(clocks.store)} {
        for (const auto& note : archive.notes) notes_.push_back({note});
    }

    OracleAnswer answer() const {
        OracleAnswer answer;
        answer.paused = paused();
        const auto windows = window_bases();
        const bool frozen = windows.size() == 1 && *windows.begin() == frozen_mark;
        for (const auto& backup : archive_.backups) answer.backups.push_back(backup_reasons(backup, windows, frozen));
        std::set<std::pair<std::string, std::uint64_t>> passed;
        if (!frozen)
            for (const auto& backup : archive_.backups)
                if (windows.contains(backup.id.text()))
                    for (const auto& cell : walk(backup.start ? *backup.start : *backup.stop)) passed.insert(cell);
        for (const auto& log : archive_.log) answer.log.push_back(log_reasons(log, passed, frozen));
        return answer;
    }

private:
    static inline const std::string frozen_mark = "(frozen)";

    // ---- the tree of lineages, one position after the other

    /// Every position that lies ahead of one, in its lineage and in all that leave behind it.
    std::vector<std::pair<std::string, std::uint64_t>> walk(const LogPosition& from) const {
        std::vector<std::pair<std::string, std::uint64_t>> passed, starts{{from.lineage.text(), from.at}};
        for (std::size_t i = 0; i < starts.size(); ++i) {
            const auto [lineage, first] = starts[i];
            for (auto at = first; at <= positions_; ++at) {
                passed.emplace_back(lineage, at);
                for (const auto& child : archive_.lineages)
                    if (child.parent && child.parent->lineage.text() == lineage && child.parent->at == at)
                        starts.emplace_back(child.name.text(), at);
            }
        }
        return passed;
    }

    bool reaches(const LogPosition& from, const std::string& lineage) const {
        const auto passed = walk(from);
        return std::ranges::any_of(passed, [&](const auto& cell) { return cell.first == lineage; });
    }

    // ---- notes

    bool unanswered(const Note& suspicion) const {
        for (const auto& other : notes_) {
            const bool for_it = other.about_the_source() || other.note.backup == suspicion.note.backup;
            const bool later = digits(other.note.time) >= digits(suspicion.note.time) && digits(other.note.time) <= now_;
            if (other.is(RetentionNote::Kind::acknowledged) && for_it && later) return false;
        }
        return true;
    }

    bool suspicious(const RetainedBackup& backup) const {
        for (const auto& note : notes_)
            if (note.is(RetentionNote::Kind::suspect) && note.about(backup.id) && unanswered(note)) return true;
        return false;
    }

    bool eligible(const RetainedBackup& backup) const { return backup.readable && backup.everywhere && !suspicious(backup); }

    bool source_is_given_up() const {
        for (const auto& note : notes_) {
            if (!note.is(RetentionNote::Kind::retire) || !note.about_the_source() || digits(note.note.time) > now_) continue;
            bool lives_again = false;
            for (const auto& backup : archive_.backups)
                lives_again = lives_again || digits(backup.begun) > digits(note.note.time);
            if (!lives_again) return true;
        }
        return false;
    }

    bool given_up(const RetainedBackup& backup) const {
        for (const auto& note : notes_)
            if (note.is(RetentionNote::Kind::retire) && note.about(backup.id) && digits(note.note.time) <= now_) return true;
        return false;
    }

    Microseconds end_of_time(const RetainedBackup& backup) const {
        Microseconds said_at = INT64_MIN, until = INT64_MAX;
        for (const auto& note : notes_) {
            if (!note.is(RetentionNote::Kind::shorten) || !note.about(backup.id) || !note.note.until) continue;
            if (now_ - digits(note.note.time) < 3 * day) continue;
            if (digits(note.note.time) < said_at) continue;
            if (digits(note.note.time) > said_at) until = INT64_MIN;
            said_at = digits(note.note.time);
            until = std::max(until, digits(*note.note.until));
        }
        return std::min(digits(backup.expires), until);
    }

    /// Ends of the holds in force; INT64_MAX: none is named.
    std::vector<Microseconds> holds(const std::optional<BackupId>& of) const {
        std::vector<Microseconds> ends;
        for (const auto& note : notes_) {
            if (!note.is(RetentionNote::Kind::hold) || note.note.backup != of) continue;
            bool over = note.note.until && digits(*note.note.until) <= now_;
            for (const auto& other : notes_)
                if (other.is(RetentionNote::Kind::release) && other.note.backup == of &&
                    digits(other.note.time) >= digits(note.note.time) && digits(other.note.time) <= now_)
                    over = true;
            if (!over) ends.push_back(note.note.until ? digits(*note.note.until) : INT64_MAX);
        }
        return ends;
    }

    static void add_hold(std::vector<Kept>& kept, const std::vector<Microseconds>& ends) {
        if (ends.empty()) return;
        const auto end = std::ranges::max(ends);
        kept.push_back({.reason = KeepReason::held, .until = {}});
        if (end != INT64_MAX) kept.back().until = Instant{std::chrono::microseconds{end}};
    }

    // ---- the window

    Microseconds stopped(const RetainedBackup& base) const { return std::max(digits(base.stop_time), digits(base.committed)); }
    bool beyond_window(Microseconds time) const { return after(time, *rule_.pitr) < now_; }

    std::vector<const RetainedBackup*> bases_newest_first() const {
        std::vector<const RetainedBackup*> bases;
        for (const auto& backup : archive_.backups)
            if (backup.readable && backup.stop) bases.push_back(&backup);
        std::ranges::sort(bases, [&](const auto* a, const auto* b) {
            if (stopped(*a) != stopped(*b)) return stopped(*a) > stopped(*b);
            if (a->begun != b->begun) return a->begun > b->begun;
            return a->id > b->id;
        });
        return bases;
    }

    Microseconds newest_in(const std::string& lineage) const {
        Microseconds newest = INT64_MIN;
        for (const auto* base : bases_newest_first())
            if (base->stop->lineage.text() == lineage) newest = std::max(newest, stopped(*base));
        for (const auto& log : archive_.log)
            if (log.lineage.text() == lineage)
                newest = std::max({newest, digits(log.stored_at), digits(log.last_commit.value_or(log.stored_at))});
        return newest;
    }

    /// Ids; the mark alone when no base and no log may go.
    std::set<std::string> window_bases() const {
        if (!rule_.pitr) return {};
        std::set<std::string> lineages;
        for (const auto& log : archive_.log) lineages.insert(log.lineage.text());
        const auto bases = bases_newest_first();
        for (const auto* base : bases) lineages.insert(base->stop->lineage.text());
        Microseconds newest = INT64_MIN;
        for (const auto& lineage : lineages) newest = std::max(newest, newest_in(lineage));

        std::size_t needed = 0, anchors = 0, tips = 0;
        for (const auto& tip : lineages) {
            const bool goes_on = newest_in(tip) == newest && !source_is_given_up();
            if (beyond_window(newest_in(tip)) && !goes_on) continue;
            ++tips;
            bool any = false, good = false;
            for (std::size_t i = 0; i < bases.size() && !good; ++i) {
                if (!beyond_window(stopped(*bases[i])) || !reaches(*bases[i]->stop, tip)) continue;
                any = true;
                if (!eligible(*bases[i])) continue;
                good = true;
                ++anchors;
                needed = std::max(needed, i + 1);
            }
            if (any && !good) return {frozen_mark};
        }
        if (tips == 0) return {};
        if (anchors == 0) return {frozen_mark};
        std::set<std::string> ids;
        for (std::size_t i = 0; i < needed; ++i) ids.insert(bases[i]->id.text());
        return ids;
    }

    // ---- floors

    /// How many backups that fit are newer.
    template <class Fits>
    std::size_t rank(const RetainedBackup& backup, Fits fits) const {
        std::size_t newer = 0;
        for (const auto& other : archive_.backups) {
            const bool is_newer = other.begun > backup.begun || (other.begun == backup.begun && other.id > backup.id);
            if (is_newer && other.readable && !given_up(other) && fits(other)) ++newer;
        }
        return newer;
    }

    template <class Fits>
    bool among_newest(const RetainedBackup& backup, std::size_t count, Fits fits) const {
        const bool may = backup.readable && !given_up(backup) && !source_is_given_up();
        return may && fits(backup) && rank(backup, fits) < count;
    }

    // ---- reasons

    std::vector<Kept> backup_reasons(const RetainedBackup& backup, const std::set<std::string>& windows, bool frozen) const {
        std::vector<Kept> kept;
        const auto end = end_of_time(backup);
        if (backup.readable && now_ < end)
            kept.push_back({.reason = KeepReason::not_expired, .until = Instant{std::chrono::microseconds{end}}});
        add_hold(kept, holds(backup.id));
        add_hold(kept, holds({}));
        if (!backup.readable) kept.push_back({.reason = KeepReason::unreadable});
        if (frozen && backup.readable && backup.stop) kept.push_back({.reason = KeepReason::no_anchor});
        if (windows.contains(backup.id.text())) kept.push_back({.reason = KeepReason::window_base});

        const auto is_eligible = [this](const RetainedBackup& one) { return eligible(one); };
        const auto is_verified = [](const RetainedBackup& one) { return one.verified; };
        const auto is_monthly = [](const RetainedBackup& one) { return one.tiers.find('m') != std::string::npos; };
        const auto is_good_monthly = [&](const RetainedBackup& one) { return is_monthly(one) && eligible(one); };
        if (among_newest(backup, 2, is_eligible)) kept.push_back({.reason = KeepReason::two_newest});
        if (among_newest(backup, 1, is_verified)) kept.push_back({.reason = KeepReason::newest_verified});
        bool good_one = false;
        for (const auto& other : archive_.backups) good_one = good_one || among_newest(other, 1, is_good_monthly);
        if (good_one ? among_newest(backup, 1, is_good_monthly) : among_newest(backup, 1, is_monthly))
            kept.push_back({.reason = KeepReason::newest_monthly});
        return kept;
    }

    std::vector<Kept> log_reasons(const RetainedLog& log, const std::set<std::pair<std::string, std::uint64_t>>& passed,
                                  bool frozen) const {
        std::vector<Kept> kept;
        add_hold(kept, holds({}));
        if (frozen) kept.push_back({.reason = KeepReason::no_anchor});
        const auto newest = std::max(digits(log.stored_at), digits(log.last_commit.value_or(log.stored_at)));
        const auto grows_old = after(newest, rule_.pitr ? *rule_.pitr : rule_.daily);
        if (now_ <= grows_old)
            kept.push_back({.reason = KeepReason::young_log, .until = Instant{std::chrono::microseconds{grows_old}}});
        bool on_a_way = log.from == log.to && passed.contains({log.lineage.text(), log.from});
        for (auto at = log.from; at < log.to; ++at) on_a_way = on_a_way || passed.contains({log.lineage.text(), at});
        if (on_a_way) kept.push_back({.reason = KeepReason::way_of_base});
        return kept;
    }

    // ---- pauses

    bool paused() const {
        for (const auto& note : notes_)
            if (note.is(RetentionNote::Kind::suspect) && unanswered(note)) return true;
        const auto apart = digits(clocks_.host) - now_;
        if (apart > 300 * second || apart < -300 * second) return true;

        std::vector<Microseconds> stamps;
        for (const auto& note : notes_) stamps.push_back(digits(note.note.time));
        for (const auto& log : archive_.log) stamps.push_back(digits(log.stored_at));
        for (const auto& backup : archive_.backups) {
            stamps.push_back(digits(backup.begun));
            if (backup.readable) stamps.push_back(digits(backup.committed));
        }
        for (const auto time : clocks_.objects) stamps.push_back(digits(time));
        for (const auto stamp : stamps)
            if (stamp > now_ + 300 * second) return true;

        std::set<Microseconds> put;
        for (const auto time : clocks_.objects) put.insert(digits(time));
        put.insert(INT64_MAX);
        for (const auto time : put) {
            if (time == INT64_MAX) break;
            const auto next = *put.upper_bound(time);
            if (next == INT64_MAX && now_ - time > 3 * day) return true;
            if (next == INT64_MAX || next - time <= 3 * day || now_ - next > 30 * day) continue;
            bool known = false;
            for (const auto said : clocks_.acknowledged) known = known || (digits(said) >= next && digits(said) <= now_);
            if (!known) return true;
        }
        return false;
    }

    const RetentionArchive& archive_;
    const RetentionRule& rule_;
    const RetentionClocks& clocks_;
    std::uint64_t positions_;
    Microseconds now_;
    std::vector<Note> notes_;
};

}  // namespace

OracleAnswer oracle(const RetentionArchive& archive, const RetentionRule& rule, const RetentionClocks& clocks,
                    std::uint64_t positions) {
    return Oracle{archive, rule, clocks, positions}.answer();
}

}  // namespace varve::test

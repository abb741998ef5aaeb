#include "policy/retention_plan.hpp"

#include <algorithm>

#include "policy/retention_notes.hpp"
#include "policy/retention_window.hpp"

namespace varve {

using namespace std::chrono_literals;

namespace {

using PauseKind = RetentionPause::Kind;

constexpr std::chrono::minutes clock_slack{5};
constexpr std::chrono::days silence_max{3};
/// For how long a silence stands in the way until it is acknowledged. Later, gaps between objects tell nothing: what lay between
/// was collected.
constexpr std::chrono::days silence_remembered{30};

/// Of the archive's backups, by index.
class Planner {
public:
    Planner(const RetentionArchive& archive, const RetentionRule& rule, const PolicyZone& zone, const RetentionClocks& clocks)
        : archive_{archive}, rule_{rule}, zone_{zone}, clocks_{clocks}, notes_{archive, clocks.store} {
        for (const auto& backup : archive.backups)
            eligible_.push_back(backup.readable && backup.everywhere && !notes_.suspect(backup.id));
        if (rule.pitr)
            window_ = retention_window(archive, eligible_, *rule.pitr, zone, clocks.store, notes_.source_retired());
        else
            window_.bases.assign(archive.backups.size(), false);
        set_floors();
    }

    RetentionPlan plan() const {
        RetentionPlan plan;
        plan.pauses = pauses();
        for (std::size_t i = 0; i < archive_.backups.size(); ++i) plan.backups.push_back(decide(i));
        for (const auto& log : archive_.log) plan.log.push_back(decide(log));
        return plan;
    }

private:
    // -- what keeps a backup

    /// The newest backup that fits, if there is one.
    template <class Fits>
    std::optional<std::size_t> newest(Fits fits) const {
        std::optional<std::size_t> found;
        for (std::size_t i = 0; i < archive_.backups.size(); ++i) {
            const auto& backup = archive_.backups[i];
            if (!backup.readable || notes_.retired(backup.id) || !fits(i)) continue;
            if (!found ||
                std::tie(backup.begun, backup.id) > std::tie(archive_.backups[*found].begun, archive_.backups[*found].id))
                found = i;
        }
        return found;
    }

    void set_floors() {
        if (notes_.source_retired()) return;
        first_ = newest([&](std::size_t i) { return eligible_[i]; });
        second_ = newest([&](std::size_t i) { return eligible_[i] && i != first_; });
        verified_ = newest([&](std::size_t i) { return archive_.backups[i].verified; });
        const auto monthly = [&](std::size_t i) { return archive_.backups[i].tiers.contains('m'); };
        monthly_ = newest([&](std::size_t i) { return monthly(i) && eligible_[i]; });
        if (!monthly_) monthly_ = newest(monthly);
    }

    BackupDecision decide(std::size_t index) const {
        const auto& backup = archive_.backups[index];
        BackupDecision decision{.kept = {}, .expires = backup.expires};
        auto keep = [&](bool keeps, KeepReason reason, std::optional<Instant> until = {}) {
            if (keeps) decision.kept.push_back({.reason = reason, .until = until});
        };
        if (const auto shortened = notes_.shortened_to(backup.id); shortened && *shortened < backup.expires) {
            decision.expires = *shortened;
            decision.shortened = true;
        }
        keep(backup.readable && decision.expires > clocks_.store, KeepReason::not_expired, decision.expires);
        for (const auto& hold : {notes_.hold(backup.id), notes_.hold(std::optional<BackupId>{})})
            if (hold) keep(true, KeepReason::held, hold->until);
        keep(!backup.readable, KeepReason::unreadable);
        keep(backup.readable && backup.stop && window_.no_anchor, KeepReason::no_anchor);
        keep(window_.bases[index], KeepReason::window_base);
        keep(first_ == index || second_ == index, KeepReason::two_newest);
        keep(verified_ == index, KeepReason::newest_verified);
        keep(monthly_ == index, KeepReason::newest_monthly);
        return decision;
    }

    LogDecision decide(const RetainedLog& log) const {
        LogDecision decision{.kept = {}, .ages = ages_at(last_time(log), rule_.pitr.value_or(rule_.daily), zone_)};
        auto keep = [&](bool keeps, KeepReason reason, std::optional<Instant> until = {}) {
            if (keeps) decision.kept.push_back({.reason = reason, .until = until});
        };
        if (const auto hold = notes_.hold(log)) keep(true, KeepReason::held, hold->until);
        keep(window_.no_anchor, KeepReason::no_anchor);
        keep(decision.ages >= clocks_.store, KeepReason::young_log, decision.ages);
        keep(window_.on_a_way(log), KeepReason::way_of_base);
        return decision;
    }

    // -- what keeps everything

    std::vector<RetentionPause> pauses() const {
        std::vector<RetentionPause> found;
        for (const auto* note : notes_.suspects())
            found.push_back({.kind = PauseKind::suspect, .backup = note->backup, .time = note->time});
        if (std::chrono::abs(clocks_.host - clocks_.store) > clock_slack)
            found.push_back({.kind = PauseKind::clocks_differ, .time = clocks_.store});
        if (const auto newest = newest_time(); newest && *newest > clocks_.store + clock_slack)
            found.push_back({.kind = PauseKind::future_object, .time = *newest});
        if (const auto silence = find_silence()) found.push_back(*silence);
        return found;
    }

    std::optional<Instant> newest_time() const {
        std::optional<Instant> newest;
        auto offer = [&](Instant time) { newest = std::max(newest.value_or(time), time); };
        for (const auto time : clocks_.objects) offer(time);
        for (const auto& log : archive_.log) offer(log.stored_at);
        for (const auto& backup : archive_.backups)
            offer(backup.readable ? std::max(backup.begun, backup.committed) : backup.begun);
        for (const auto& note : archive_.notes) offer(note.time);
        return newest;
    }

    /// The store's clock may have leapt while nothing was put. Then whatever is put next is new, and all the rest seems old.
    std::optional<RetentionPause> find_silence() const {
        auto times = clocks_.objects;
        std::ranges::sort(times);
        if (times.empty()) return {};
        if (clocks_.store - times.back() > silence_max) return RetentionPause{.kind = PauseKind::silence, .time = times.back()};
        for (auto i = times.size() - 1; i > 0; --i) {
            const auto end = times[i];
            if (end + silence_remembered < clocks_.store) break;
            if (end - times[i - 1] <= silence_max) continue;
            const bool known =
                std::ranges::any_of(clocks_.acknowledged, [&](Instant time) { return time >= end && time <= clocks_.store; });
            if (!known) return RetentionPause{.kind = PauseKind::silence_unacknowledged, .time = end};
        }
        return {};
    }

    const RetentionArchive& archive_;
    const RetentionRule& rule_;
    const PolicyZone& zone_;
    const RetentionClocks& clocks_;
    RetentionNotes notes_;
    std::vector<bool> eligible_;
    RetentionWindow window_;
    std::optional<std::size_t> first_, second_, verified_, monthly_;
};

}  // namespace

RetentionPlan plan_retention(const RetentionArchive& archive, const RetentionRule& rule, const PolicyZone& zone,
                             const RetentionClocks& clocks) {
    return Planner{archive, rule, zone, clocks}.plan();
}

std::string words_of(KeepReason reason) {
    switch (reason) {
        case KeepReason::not_expired:
            return "its time is not over";
        case KeepReason::held:
            return "it is held";
        case KeepReason::unreadable:
            return "its manifest is damaged, so nobody knows until when it was to be kept";
        case KeepReason::no_anchor:
            return "no good base backup is older than the point-in-time window";
        case KeepReason::window_base:
            return "instants of the point-in-time window are reached from it";
        case KeepReason::two_newest:
            return "it is one of the two newest";
        case KeepReason::newest_verified:
            return "it is the newest verified one";
        case KeepReason::newest_monthly:
            return "it is the newest monthly one";
        case KeepReason::young_log:
            return "it is not older than the point-in-time window";
        case KeepReason::way_of_base:
            return "it is on the way from a base backup of the point-in-time window";
    }
    return {};
}

std::string words_of(const RetentionPause& pause) {
    switch (pause.kind) {
        case PauseKind::suspect:
            return pause.backup ? "backup " + pause.backup->text() + " is suspect" : "the source is suspect";
        case PauseKind::clocks_differ:
            return "the clocks of this host and of the store differ by more than five minutes";
        case PauseKind::future_object:
            return "an object is from the future: " + to_rfc3339(pause.time);
        case PauseKind::silence:
            return "nothing was stored in the repository since " + to_rfc3339(pause.time) + ": the store's clock may have leapt";
        case PauseKind::silence_unacknowledged:
            return "nothing was stored in the repository for more than three days until " + to_rfc3339(pause.time) +
                   ": the store's clock may have leapt";
    }
    return {};
}

std::string remedy_of(const RetentionPause& pause) {
    switch (pause.kind) {
        case PauseKind::suspect:
            return "an admin looks at it and acknowledges it";
        case PauseKind::clocks_differ:
            return "both clocks are set by NTP";
        case PauseKind::future_object:
            return "that time has come, or the store's clock is set right";
        case PauseKind::silence:
            return "a new backup is committed, and an admin acknowledges the silence";
        case PauseKind::silence_unacknowledged:
            return "an admin acknowledges the silence";
    }
    return {};
}

}  // namespace varve

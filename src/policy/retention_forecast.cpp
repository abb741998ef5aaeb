#include "policy/retention_forecast.hpp"

#include <algorithm>

#include "policy/retention_notes.hpp"
#include "policy/retention_window.hpp"

namespace varve {

using namespace std::chrono_literals;

namespace {

/// The archive as the days go by.
class Days {
public:
    Days(RetentionArchive archive, const RetentionRule& rule, const PolicyZone& zone)
        : left_{std::move(archive)}, end_{end_of(left_)}, rule_{rule}, zone_{zone} {}

    void pass(Instant now, bool goes_on) {
        const auto here = left_.backups.size();
        const auto as_it_is = plan(now);
        if (goes_on) back_up(now);
        left_.backups.insert(left_.backups.end(), newer_.begin(), newer_.end());
        const auto with_newer = newer_.empty() ? as_it_is : plan(now);
        left_.backups.resize(here);
        take_backups(with_newer, as_it_is, now);
        take_log(with_newer, now);
    }

    RetentionForecast end() && { return {.deletions = std::move(deletions_), .left = std::move(left_)}; }

private:
    RetentionPlan plan(Instant now) const { return plan_retention(left_, rule_, zone_, {.store = now, .host = now}); }

    /// One more that is all a floor can ask for; two at first, for there is a floor of two. In days they become anchors.
    void back_up(Instant now) {
        RetainedBackup good;
        good.begun = good.committed = good.stop_time = now;
        good.expires = Instant::max();
        good.tiers = "dwm";
        good.verified = true;
        good.stop = end_;
        do {
            good.id = BackupId{"newer/" + std::to_string(newer_.size())};
            newer_.push_back(good);
        } while (newer_.size() < 2);
    }

    /// Where the source goes on.
    static std::optional<LogPosition> end_of(const RetentionArchive& archive) {
        std::optional<LogPosition> end;
        std::optional<Instant> newest;
        const auto offer = [&](const LineageName& lineage, std::uint64_t at, Instant when) {
            if (newest && when < *newest) return;
            newest = when;
            end = LogPosition{.lineage = lineage, .at = at, .text = {}};
        };
        for (const auto& backup : archive.backups)
            if (backup.stop) offer(backup.stop->lineage, backup.stop->at, backup.committed);
        for (const auto& log : archive.log) offer(log.lineage, log.to, last_time(log));
        return end;
    }

    void take_backups(const RetentionPlan& then, const RetentionPlan& as_it_is, Instant now) {
        std::vector<RetainedBackup> kept;
        for (std::size_t i = 0; i < left_.backups.size(); ++i) {
            const auto& decision = then.backups[i];
            if (!decision.kept.empty()) {
                kept.push_back(std::move(left_.backups[i]));
                continue;
            }
            deletions_.push_back({.backup = left_.backups[i].id,
                                  .time = now,
                                  .expired = decision.expires,
                                  .shortened = decision.shortened,
                                  .after_newer_backups = !as_it_is.backups[i].kept.empty()});
        }
        left_.backups = std::move(kept);
    }

    void take_log(const RetentionPlan& then, Instant now) {
        std::vector<RetainedLog> kept, gone;
        std::map<std::pair<LineageName, std::uint64_t>, Instant> ages;
        for (std::size_t i = 0; i < left_.log.size(); ++i) {
            auto& log = left_.log[i];
            if (!then.log[i].kept.empty()) {
                kept.push_back(std::move(log));
                continue;
            }
            auto& newest = ages[{log.lineage, log.from}];
            newest = std::max(newest, then.log[i].ages);
            gone.push_back(std::move(log));
        }
        left_.log = std::move(kept);
        std::ranges::sort(gone, [](const RetainedLog& a, const RetainedLog& b) {
            return std::tie(a.lineage, a.from, a.to) < std::tie(b.lineage, b.from, b.to);
        });
        const auto first = deletions_.size();
        for (const auto& log : gone) {
            const auto aged = ages.at({log.lineage, log.from});
            const bool goes_on =
                deletions_.size() > first && deletions_.back().lineage == log.lineage && log.from <= deletions_.back().to;
            if (!goes_on)
                deletions_.push_back(
                    {.lineage = log.lineage, .from = log.from, .to = log.from, .objects = 0, .time = now, .expired = aged});
            auto& run = deletions_.back();
            run.to = std::max(run.to, log.to);
            run.objects += 1;
            run.bytes += log.bytes;
            run.expired = std::max(run.expired, aged);
        }
    }

    RetentionArchive left_;
    std::optional<LogPosition> end_;
    std::vector<RetainedBackup> newer_;  ///< made up: those to come
    const RetentionRule& rule_;
    const PolicyZone& zone_;
    std::vector<PlannedDeletion> deletions_;
};

}  // namespace

RetentionForecast forecast_retention(RetentionArchive archive, const RetentionRule& rule, const PolicyZone& zone,
                                     const RetentionClocks& clocks, int days) {
    const bool retired = RetentionNotes{archive, clocks.store}.source_retired();
    Days forecast{std::move(archive), rule, zone};
    for (int day = 0; day <= days; ++day) forecast.pass(clocks.store + day * 24h, day > 0 && !retired);
    return std::move(forecast).end();
}

std::string words_of(const PlannedDeletion& deletion) {
    const auto when = to_rfc3339(deletion.expired);
    std::string words;
    if (!deletion.backup)
        words = "it is older than the point-in-time window since " + when + ", and on no way from a base backup of it";
    else
        words = (deletion.shortened ? "an admin shortened its time to " : "its time is over at ") + when;
    if (deletion.after_newer_backups) words += "; it stays until there are newer backups";
    return words;
}

}  // namespace varve

#include "jobs/retention_job.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "jobs/retention_archive.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

ArchiveContent content_of(const RetentionArchive& archive) {
    ArchiveContent content;
    content.backups.assign(archive.backups.begin(), archive.backups.end());
    content.log.assign(archive.log.begin(), archive.log.end());
    content.lineages = archive.lineages;
    // Of a damaged backup nothing is known, so nothing can be had from it.
    for (const auto& backup : archive.backups)
        if (!backup.readable) std::erase_if(content.backups, [&](const ArchivedBackup& one) { return one.id == backup.id; });
    return content;
}

/// What the copies say, one after the other, put together.
class Merged {
public:
    Merged(SourceName source, const RetentionRule& rule, const PolicyZone& zone, int days)
        : rule_{rule}, zone_{zone}, days_{days} {
        result_.source = std::move(source);
    }

    void add(const RepositoryName& copy, RetentionArchive held, const RetentionClocks& clocks) {
        if (result_.now == Instant{}) result_.now = clocks.store;
        const auto plan = plan_retention(held, rule_, zone_, clocks);
        for (const auto& pause : plan.pauses) add(pause, copy);
        for (std::size_t i = 0; i < held.backups.size(); ++i) add(held.backups[i], plan.backups[i]);
        auto forecast = forecast_retention(std::move(held), rule_, zone_, clocks, days_);
        for (auto& deletion : forecast.deletions) add(std::move(deletion), copy);
        add_left(std::move(forecast.left));
    }

    SourceRetention end(const RetentionArchive& before) && {
        std::ranges::sort(result_.backups, [](const auto& a, const auto& b) {
            return std::tie(a.backup.begun, a.backup.id) > std::tie(b.backup.begun, b.backup.id);
        });
        std::ranges::sort(result_.deletions, {}, [](const auto& one) {
            return std::tuple{one.planned.time, !one.planned.backup, one.planned.backup, one.planned.lineage, one.planned.from};
        });
        result_.windows_before = recovery_windows(content_of(before));
        left_.lineages = before.lineages;
        result_.windows_after = recovery_windows(content_of(left_));
        return std::move(result_);
    }

private:
    void add(const RetentionPause& pause, const RepositoryName& copy) {
        const auto same = [&](const SourceRetention::Pause& one) {
            return one.pause.kind == pause.kind && one.pause.backup == pause.backup;
        };
        auto known = std::ranges::find_if(result_.pauses, same);
        if (known == result_.pauses.end()) known = result_.pauses.insert(known, {.pause = pause, .copies = {}});
        known->copies.push_back(copy);
    }

    void add(const RetainedBackup& backup, const BackupDecision& decision) {
        const auto same = [&](const SourceRetention::KeptBackup& one) { return one.backup.id == backup.id; };
        auto known = std::ranges::find_if(result_.backups, same);
        if (known == result_.backups.end())
            known = result_.backups.insert(known, {.backup = backup, .expires = decision.expires, .kept = {}});
        for (const auto& kept : decision.kept)
            if (std::ranges::find(known->kept, kept) == known->kept.end()) known->kept.push_back(kept);
    }

    void add(PlannedDeletion deletion, const RepositoryName& copy) {
        const auto same = [&](const SourceRetention::Deletion& one) {
            const auto& other = one.planned;
            return other.backup == deletion.backup && other.lineage == deletion.lineage && other.from == deletion.from &&
                   other.to == deletion.to && other.objects == deletion.objects && other.time == deletion.time;
        };
        auto known = std::ranges::find_if(result_.deletions, same);
        if (known == result_.deletions.end())
            known = result_.deletions.insert(known, {.planned = std::move(deletion), .copies = {}});
        known->copies.push_back(copy);
    }

    /// What one copy still has can be had back.
    void add_left(RetentionArchive left) {
        for (auto& backup : left.backups)
            if (left_ids_.insert(backup.id).second) left_.backups.push_back(std::move(backup));
        for (auto& log : left.log)
            if (left_log_.insert({log.lineage, log.from, log.to}).second) left_.log.push_back(std::move(log));
    }

    const RetentionRule& rule_;
    const PolicyZone& zone_;
    int days_;
    SourceRetention result_;
    RetentionArchive left_;
    std::set<BackupId> left_ids_;
    std::set<std::tuple<LineageName, std::uint64_t, std::uint64_t>> left_log_;
};

Error silent(const RepositoryName& copy) {
    return Error{Fault::unreachable, "repository " + copy.text() + " does not answer, so nobody knows what it holds"}.hint(
        "What may go depends on what every required repository has; try again when it answers.");
}

}  // namespace

Task<SourceRetention> plan_source_retention(JobContext& context, Source& source, int days) {
    auto view = co_await read_archive(context, source);
    const auto answers_not = view.silent;
    for (const auto& copy : answers_not)
        if (copy.required) throw silent(copy.copy);
    const auto whole = co_await gather_archive(context, source, std::move(view));
    const auto acknowledged = co_await silences_acknowledged(context);
    Merged merged{source.setup.name, source.setup.retention, source.setup.zone, days};
    for (const auto& copy : context.repository.copies().all()) {
        if (std::ranges::find(answers_not, copy.name, &ArchiveView::Silent::copy) != answers_not.end()) continue;
        CollectHistory history;  // a host that archives, and no more, may not read it
        const auto& keys = context.repository.keys();
        if (keys.maintain || keys.restore || keys.escrow) history = co_await CollectHistory::read(context.repository, copy);
        const auto clocks = co_await read_clocks(context, copy, history, acknowledged);
        merged.add(copy.name, whole.held_by(copy.name), clocks);
    }
    auto result = std::move(merged).end(whole.archive);
    for (const auto& copy : answers_not) result.unanswered.push_back(copy.copy);
    co_return result;
}

}  // namespace varve

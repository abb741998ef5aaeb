#include <algorithm>

#include "app/commands.hpp"
#include "jobs/retention_job.hpp"

namespace varve {

namespace {

cli::DeletionRow row_of(const SourceRetention::Deletion& deletion, const Driver& driver) {
    const auto& planned = deletion.planned;
    cli::DeletionRow row{.kind = planned.backup ? "backup" : "log",
                         .backup = planned.backup,
                         .lineage = {},
                         .from = {},
                         .to = {},
                         .time = planned.time,
                         .reason = words_of(planned),
                         .after_newer_backups = planned.after_newer_backups,
                         .copies = deletion.copies};
    if (planned.backup) return row;
    row.lineage = planned.lineage;
    row.from = driver.print_position(planned.from);
    row.to = driver.print_position(planned.to);
    row.objects = planned.objects;
    row.bytes_stored = planned.bytes;
    return row;
}

/// Kept until the last of the ends that can be told, and longer where one cannot.
cli::KeptRow row_of(const SourceRetention::KeptBackup& backup) {
    cli::KeptRow row{.id = backup.backup.id, .tiers = backup.backup.tiers, .kept_until = {}, .reasons = {}};
    for (const auto& kept : backup.kept) {
        row.reasons.push_back(words_of(kept.reason));
        if (kept.until) row.kept_until = std::max(row.kept_until.value_or(*kept.until), *kept.until);
    }
    return row;
}

std::vector<cli::Window> rows_of(const std::vector<RecoveryWindow>& windows) {
    std::vector<cli::Window> rows;
    for (const auto& window : windows) rows.push_back({.from = window.from, .to = window.to, .lineage = window.lineage});
    return rows;
}

cli::SourceRetentionRow row_of(const SourceRetention& retention, const Driver& driver) {
    cli::SourceRetentionRow row{.name = retention.source,
                                .paused = {},
                                .deletions = {},
                                .backups = {},
                                .recovery_windows_before = rows_of(retention.windows_before),
                                .recovery_windows_after = rows_of(retention.windows_after),
                                .unanswered = retention.unanswered};
    for (const auto& pause : retention.pauses)
        row.paused.push_back({.reason = words_of(pause.pause), .until = remedy_of(pause.pause), .copies = pause.copies});
    for (const auto& deletion : retention.deletions) row.deletions.push_back(row_of(deletion, driver));
    for (const auto& backup : retention.backups) row.backups.push_back(row_of(backup));
    return row;
}

}  // namespace

Task<cli::RetentionPlanResult> plan_retention(App& app, cli::RetentionPlanRequest request) {
    cli::RetentionPlanResult result{.days = request.days, .sources = {}};
    auto sources = request.source ? std::vector<Source*>{&app.source(*request.source)} : app.sources();
    for (auto* source : sources)
        result.sources.push_back(row_of(co_await plan_source_retention(app.jobs(), *source, request.days), *source->driver));
    co_return result;
}

}  // namespace varve

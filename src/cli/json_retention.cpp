#include "cli/json_fields.hpp"
#include "cli/json_retention_fields.hpp"
#include "cli/results_retention.hpp"

namespace varve::cli {

void fields(auto& visit, Is<DeletionRow> auto& it) {
    visit("kind", it.kind);
    visit("backup", it.backup);
    visit("lineage", it.lineage);
    visit.known("from", it.from);
    visit.known("to", it.to);
    visit("objects", it.objects);
    visit("bytes_stored", it.bytes_stored);
    visit("time", it.time);
    visit("reason", it.reason);
    visit("after_newer_backups", it.after_newer_backups);
    visit("copies", it.copies);
}

void fields(auto& visit, Is<KeptRow> auto& it) {
    visit("id", it.id);
    visit("tiers", it.tiers);
    visit("kept_until", it.kept_until);
    visit("reasons", it.reasons);
}

void fields(auto& visit, Is<SourceRetentionRow> auto& it) {
    visit("name", it.name);
    visit("paused", it.paused);
    visit("deletions", it.deletions);
    visit("backups", it.backups);
    visit("recovery_windows_before", it.recovery_windows_before);
    visit("recovery_windows_after", it.recovery_windows_after);
    visit("unanswered", it.unanswered);
}

void fields(auto& visit, Is<RetentionPlanResult> auto& it) {
    visit("days", it.days);
    visit("sources", it.sources);
}

nlohmann::json to_json(const RetentionPlanResult& result) { return encoded(result); }

}  // namespace varve::cli

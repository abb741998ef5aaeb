#include "cli/json_fields.hpp"
#include "cli/json_retention_fields.hpp"
#include "cli/results_collect.hpp"

namespace varve::cli {

void fields(auto& visit, Is<CollectCountRow> auto& it) {
    visit("backups", it.backups);
    visit("packs", it.packs);
    visit("logs", it.logs);
    visit("bytes_stored", it.bytes_stored);
}

void fields(auto& visit, Is<CollectRefusalRow> auto& it) {
    visit("reason", it.reason);
    visit("remedy", it.remedy);
}

void fields(auto& visit, Is<CollectSourceRow> auto& it) {
    visit("name", it.name);
    visit("paused", it.paused);
    visit("refused", it.refused);
    visit("notes", it.notes);
    visit("condemned", it.condemned);
    visit("waiting", it.waiting);
    visit("swept", it.swept);
    visit("next_sweep", it.next_sweep);
}

void fields(auto& visit, Is<CollectCopyRow> auto& it) {
    visit("name", it.name);
    visit("sources", it.sources);
}

void fields(auto& visit, Is<CollectResult> auto& it) {
    visit("plan", it.plan);
    visit("copies", it.copies);
    visit("unanswered", it.unanswered);
}

void fields(auto& visit, Is<CollectEventRow> auto& it) {
    visit("kind", it.kind);
    visit("time", it.time);
    visit("host", it.host);
    visit("by_admin", it.by_admin);
    visit("reason", it.reason);
}

void fields(auto& visit, Is<CollectObjectRow> auto& it) {
    visit("name", it.name);
    visit("present", it.present);
    visit("kept_by", it.kept_by);
    visit("stopped_by", it.stopped_by);
    visit("sweep_after", it.sweep_after);
    visit("history", it.history);
}

void fields(auto& visit, Is<CollectExplainResult> auto& it) {
    visit("key", it.key);
    visit("copies", it.copies);
}

void fields(auto& visit, Is<NoteResult> auto& it) {
    visit("kind", it.kind);
    visit("source", it.source);
    visit("backup", it.backup);
    visit("time", it.time);
    visit("until", it.until);
    visit("notes", it.notes);
}

nlohmann::json to_json(const CollectResult& result) { return encoded(result); }
nlohmann::json to_json(const CollectExplainResult& result) { return encoded(result); }
nlohmann::json to_json(const NoteResult& result) { return encoded(result); }

}  // namespace varve::cli

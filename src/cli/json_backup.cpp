#include "cli/json_fields.hpp"
#include "cli/results_backup.hpp"

namespace varve::cli {

void fields(auto& visit, Is<BackupMade> auto& it) {
    visit("id", it.id);
    visit("source", it.source);
    visit("start_time", it.start_time);
    visit("stop_time", it.stop_time);
    visit("files", it.files);
    visit("bytes_source", it.bytes_source);
    visit("bytes_read", it.bytes_read);
    visit("bytes_stored", it.bytes_stored);
    visit("chunks_new", it.chunks_new);
    visit("chunks_reused", it.chunks_reused);
    visit("duration_seconds", it.duration);
    visit("copies", it.copies);
    visit("left_out", it.left_out);
    visit("partial", it.partial);
    visit("findings", it.findings);
}

void fields(auto& visit, Is<BackupRunResult> auto& it) { visit("backups", it.backups); }

void fields(auto& visit, Is<BackupRow> auto& it) {
    visit("id", it.id);
    visit("source", it.source);
    visit("start_time", it.start_time);
    visit("stop_time", it.stop_time);
    visit("kept_until", it.kept_until);
    visit("tiers", it.tiers);
    visit("state", it.state);
    visit("bytes_source", it.bytes_source);
    visit("bytes_stored", it.bytes_stored);
    visit("copies", it.copies);
}

void fields(auto& visit, Is<BackupListResult> auto& it) { visit("backups", it.backups); }

void fields(auto& visit, Is<BackupShowResult> auto& it) {
    fields(visit, it.backup);  // side by side with the rest: `result.id`
    visit("driver", it.driver);
    visit("host", it.host);
    visit("tool_version", it.tool_version);
    visit("identity", it.identity);
    visit("files", it.files);
    visit("bytes_read", it.bytes_read);
    visit("chunks_new", it.chunks_new);
    visit("chunks_reused", it.chunks_reused);
    visit("packs", it.packs);
    visit("committed", it.committed);
    visit.known("lineage", it.lineage);
    visit.known("start_position", it.start_position);
    visit.known("stop_position", it.stop_position);
    visit.known("previous", it.previous);
    visit("facts", it.facts);
    visit("findings", it.findings);
}

nlohmann::json to_json(const BackupRunResult& result) { return encoded(result); }
nlohmann::json to_json(const BackupListResult& result) { return encoded(result); }
nlohmann::json to_json(const BackupShowResult& result) { return encoded(result); }
void from_json(const nlohmann::json& json, BackupRunResult& result) { decode(json, result); }

}  // namespace varve::cli

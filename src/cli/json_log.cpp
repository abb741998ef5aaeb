#include "cli/json_fields.hpp"
#include "cli/results_log.hpp"

namespace varve::cli {

void fields(auto& visit, Is<StretchRow> auto& it) {
    visit("from", it.from);
    visit("to", it.to);
    visit("last_commit", it.last_commit);
    visit("stored_at", it.stored_at);
    visit("objects", it.objects);
    visit("bytes_stored", it.bytes_stored);
}

void fields(auto& visit, Is<LineageRow> auto& it) {
    visit("name", it.name);
    visit.known("parent", it.parent);
    visit("stretches", it.stretches);
}

void fields(auto& visit, Is<LogListResult> auto& it) {
    visit("source", it.source);
    visit("lineages", it.lineages);
}

void fields(auto& visit, Is<LogGapsResult> auto& it) {
    visit("source", it.source);
    visit("gaps", it.gaps);
}

void fields(auto& visit, Is<ExportedFileRow> auto& it) {
    visit("name", it.name);
    visit("bytes", it.bytes);
}

void fields(auto& visit, Is<LogExportResult> auto& it) {
    visit("source", it.source);
    visit("lineage", it.lineage);
    visit("files", it.files);
}

void fields(auto& visit, Is<LogFollowResult> auto& it) {
    visit("source", it.source);
    visit.known("lineage", it.lineage);
    visit.known("position", it.position);
    visit("caught_up", it.caught_up);
    visit("gaps", it.gaps);
}

void fields(auto& visit, Is<MarkResult> auto& it) {
    visit("source", it.source);
    visit("name", it.name);
    visit("lineage", it.lineage);
    visit("position", it.position);
}

void fields(auto& visit, Is<WalPushResult> auto& it) {
    visit("source", it.source);
    visit("file", it.file);
    visit("outcome", it.outcome);
    visit.known("lineage", it.lineage);
}

void fields(auto& visit, Is<WalFetchResult> auto& it) {
    visit("name", it.name);
    visit("found", it.found);
}

nlohmann::json to_json(const LogListResult& result) { return encoded(result); }
nlohmann::json to_json(const LogGapsResult& result) { return encoded(result); }
nlohmann::json to_json(const LogExportResult& result) { return encoded(result); }
nlohmann::json to_json(const LogFollowResult& result) { return encoded(result); }
nlohmann::json to_json(const MarkResult& result) { return encoded(result); }
nlohmann::json to_json(const WalPushResult& result) { return encoded(result); }
nlohmann::json to_json(const WalFetchResult& result) { return encoded(result); }
void from_json(const nlohmann::json& json, LogFollowResult& result) { decode(json, result); }
void from_json(const nlohmann::json& json, MarkResult& result) { decode(json, result); }
void from_json(const nlohmann::json& json, WalPushResult& result) { decode(json, result); }

}  // namespace varve::cli

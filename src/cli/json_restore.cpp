#include "cli/json_fields.hpp"
#include "cli/results_restore.hpp"

namespace varve::cli {

void fields(auto& visit, Is<PathRow> auto& it) {
    visit("lineage", it.lineage);
    visit("from", it.from);
    visit("to", it.to);
}

void fields(auto& visit, Is<RestorePlanResult> auto& it) {
    visit("source", it.source);
    visit("base", it.base);
    visit("base_start_time", it.base_start_time);
    visit("base_stop_time", it.base_stop_time);
    visit("target_requested", it.target_requested);
    visit.known("target_position", it.target_position);
    visit("explanation", it.explanation);
    visit("path", it.path);
    visit("bytes", it.bytes);
    visit("to", it.to);
    visit("notes", it.notes);
}

void fields(auto& visit, Is<RestoreRunResult> auto& it) {
    visit("source", it.source);
    visit("base", it.base);
    visit("target_requested", it.target_requested);
    visit("target_reached", it.target_reached);
    visit("to", it.to);
    visit("bytes_written", it.bytes_written);
    visit("bytes_kept", it.bytes_kept);
    visit("duration_seconds", it.duration);
    visit("next_step", it.next_step);
    visit("notes", it.notes);
}

nlohmann::json to_json(const RestorePlanResult& result) { return encoded(result); }
nlohmann::json to_json(const RestoreRunResult& result) { return encoded(result); }

}  // namespace varve::cli

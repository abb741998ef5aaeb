#include "cli/json_fields.hpp"
#include "cli/results_status.hpp"

namespace varve::cli {

constexpr auto enum_words(std::type_identity<State>) { return std::array{"ok", "warning", "failed", "unknown"}; }

void fields(auto& visit, Is<BackupSummary> auto& it) {
    visit("id", it.id);
    visit("stop_time", it.stop_time);
    visit("bytes_source", it.bytes_source);
    visit("bytes_stored", it.bytes_stored);
}

void fields(auto& visit, Is<DurableLog> auto& it) {
    visit.known("position", it.position);
    visit("time", it.time);
    visit("lag_seconds", it.lag);
    visit("problem", it.problem);
}

void fields(auto& visit, Is<LogStatus> auto& it) {
    visit.known("position", it.position);
    visit("durable", it.durable);
}

void fields(auto& visit, Is<DrillSummary> auto& it) {
    visit("time", it.time);
    visit("ok", it.ok);
    visit("rto_seconds", it.rto);
}

void fields(auto& visit, Is<SourceRow> auto& it) {
    visit("name", it.name);
    visit("driver", it.driver);
    visit("state", it.state);
    visit("reason", it.reason);
    visit("last_backup", it.last_backup);
    visit("log", it.log);
    visit("recovery_windows", it.recovery_windows);
    visit("gaps", it.gaps);
    visit("last_drill", it.last_drill);
    visit("next_backup", it.next_backup);
    visit("backing_up", it.backing_up);
    visit("next_actions", it.next_actions);
}

void fields(auto& visit, Is<StatusResult> auto& it) {
    visit("sources", it.sources);
    visit("service", it.service);
    visit("now", it.now);
}

nlohmann::json to_json(const StatusResult& result) { return encoded(result); }
void from_json(const nlohmann::json& json, StatusResult& result) { decode(json, result); }

}  // namespace varve::cli

#include "cli/json_fields.hpp"
#include "cli/results_check.hpp"

namespace varve::cli {

void fields(auto& visit, Is<RepositoryCheckRow> auto& it) {
    visit("name", it.name);
    visit("required", it.required);
    visit("ok", it.ok);
    visit("clock_skew_seconds", it.clock_skew);
    visit("findings", it.findings);
}

void fields(auto& visit, Is<SourceCheckRow> auto& it) {
    visit("name", it.name);
    visit("driver", it.driver);
    visit.known("identity", it.identity);
    visit.known("version", it.version);
    visit("ok", it.ok);
    visit.known("round_trip_position", it.round_trip_position);
    visit("round_trip_seconds", it.round_trip);
    visit("findings", it.findings);
}

void fields(auto& visit, Is<CheckResult> auto& it) {
    visit("repositories", it.repositories);
    visit("sources", it.sources);
}

void fields(auto& visit, Is<DamageRow> auto& it) {
    visit("key", it.key);
    visit("what", it.what);
    visit("backups", it.backups);
}

void fields(auto& visit, Is<VerifyResult> auto& it) {
    visit("level", it.level);
    visit("backups", it.backups);
    visit("objects", it.objects);
    visit("bytes_read", it.bytes_read);
    visit("whole", it.whole);
    visit("duration_seconds", it.duration);
    visit("damaged", it.damaged);
    visit("unanswered", it.unanswered);
}

nlohmann::json to_json(const CheckResult& result) { return encoded(result); }
nlohmann::json to_json(const VerifyResult& result) { return encoded(result); }
void from_json(const nlohmann::json& json, CheckResult& result) { decode(json, result); }

}  // namespace varve::cli

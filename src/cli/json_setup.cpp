#include "cli/json_fields.hpp"
#include "cli/results_setup.hpp"

namespace varve::cli {

void fields(auto& visit, Is<InitResult> auto& it) {
    visit("repository_id", it.repository_id);
    visit("mode", it.mode);
    visit("host", it.host);
    visit("copies", it.copies);
    visit("keys_file", it.keys_file);
    visit("recovery_kit", it.recovery_kit);
    visit("next_steps", it.next_steps);
}

void fields(auto& visit, Is<DiscoveredRow> auto& it) {
    visit("source", it.source);
    visit("driver", it.driver);
    visit("what", it.what);
    visit("supported", it.supported);
}

void fields(auto& visit, Is<DiscoverResult> auto& it) {
    visit("file", it.file);
    visit("found", it.found);
    visit("next_steps", it.next_steps);
}

void fields(auto& visit, Is<KeyRow> auto& it) {
    visit("role", it.role);
    visit("fingerprint", it.fingerprint);
    visit("place", it.place);
}

void fields(auto& visit, Is<KeyListResult> auto& it) {
    visit("repository_id", it.repository_id);
    visit("host", it.host);
    visit("keys", it.keys);
    visit("proved", it.proved);
}

void fields(auto& visit, Is<KeyExportResult> auto& it) {
    visit("role", it.role);
    visit("key", it.key);
    visit("file", it.file);
}

void fields(auto& visit, Is<KeyProveResult> auto& it) {
    visit("recovery_kit", it.recovery_kit);
    visit("repository_id", it.repository_id);
    visit("time", it.time);
    visit("opened", it.opened);
}

void fields(auto& visit, Is<SourceChangeResult> auto& it) {
    visit("source", it.source);
    visit("change", it.change);
    visit("identity", it.identity);
    visit("notes", it.notes);
}

void fields(auto& visit, Is<NotifyTestRow> auto& it) {
    visit("receiver", it.receiver);
    visit("place", it.place);
    visit("ok", it.ok);
    visit("problem", it.problem);
    visit("remedy", it.remedy);
}

void fields(auto& visit, Is<NotifyTestResult> auto& it) { visit("receivers", it.receivers); }

void fields(auto& visit, Is<ConfigProblemRow> auto& it) {
    visit("place", it.place);
    visit("what", it.what);
    visit("remedy", it.remedy);
}

void fields(auto& visit, Is<ConfigCheckResult> auto& it) {
    visit("file", it.file);
    visit("sources", it.sources);
    visit("repositories", it.repositories);
    visit("problems", it.problems);
    visit("without_effect", it.without_effect);
}

void fields(auto& visit, Is<ConfigValue> auto& it) {
    visit("section", it.section);
    visit("key", it.key);
    visit("value", it.value);
    visit("place", it.place);
}

void fields(auto& visit, Is<ConfigShowResult> auto& it) { visit("values", it.values); }

void fields(auto& visit, Is<VersionResult> auto& it) {
    visit("version", it.version);
    visit("drivers", it.drivers);
    visit("stores", it.stores);
    visit("repository_format", it.repository_format);
}

void fields(auto& visit, Is<CompletionResult> auto& it) {
    visit("shell", it.shell);
    visit("script", it.script);
}

void fields(auto& visit, Is<DryRunResult> auto& it) { visit("steps", it.steps); }

nlohmann::json to_json(const InitResult& result) { return encoded(result); }
nlohmann::json to_json(const DiscoverResult& result) { return encoded(result); }
nlohmann::json to_json(const KeyListResult& result) { return encoded(result); }
nlohmann::json to_json(const KeyExportResult& result) { return encoded(result); }
nlohmann::json to_json(const KeyProveResult& result) { return encoded(result); }
nlohmann::json to_json(const SourceChangeResult& result) { return encoded(result); }
nlohmann::json to_json(const NotifyTestResult& result) { return encoded(result); }
nlohmann::json to_json(const ConfigCheckResult& result) { return encoded(result); }
nlohmann::json to_json(const ConfigShowResult& result) { return encoded(result); }
nlohmann::json to_json(const VersionResult& result) { return encoded(result); }
nlohmann::json to_json(const CompletionResult& result) { return encoded(result); }
nlohmann::json to_json(const DryRunResult& result) { return encoded(result); }
void from_json(const nlohmann::json& json, KeyProveResult& result) { decode(json, result); }
void from_json(const nlohmann::json& json, SourceChangeResult& result) { decode(json, result); }
void from_json(const nlohmann::json& json, NotifyTestResult& result) { decode(json, result); }
void from_json(const nlohmann::json& json, DryRunResult& result) { decode(json, result); }

}  // namespace varve::cli

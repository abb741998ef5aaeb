/// What the commands about repository, keys, sources and configuration answer. docs/interface.md, "JSON".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/results_base.hpp"
#include "varve/clock.hpp"
#include "varve/driver.hpp"
#include "varve/error.hpp"
#include "varve/names.hpp"

namespace varve::cli {

struct InitResult {
    std::string repository_id;
    std::string mode = "managed";  ///< managed | sealed
    std::string host;
    std::vector<RepositoryName> copies;  ///< made now
    std::string keys_file;               ///< empty: a further copy needs none
    std::string recovery_kit;            ///< where it is; empty: none was written
    std::vector<std::string> next_steps;
};

/// `init --discover`.
struct DiscoveredRow {
    SourceName source;
    std::string driver;
    std::string what;
    bool supported = true;  ///< this version has a driver for it
};
struct DiscoverResult {
    std::string file;  ///< the configuration that was written
    std::vector<DiscoveredRow> found;
    std::vector<std::string> next_steps;
};

struct KeyRow {
    std::string role;         ///< archive | maintain | restore | escrow | host | admin
    std::string fingerprint;  ///< first eight bytes in hex; never the key
    std::string place;        ///< file
};
struct KeyListResult {
    std::string repository_id;
    std::string host;
    std::vector<KeyRow> keys;
    std::optional<Instant> proved;  ///< when the recovery kit was last proven
};
struct KeyExportResult {
    std::string role;
    std::string key;  ///< the secret; empty when it was written to `file`
    std::string file;
};
struct KeyProveResult {
    std::string recovery_kit;
    std::string repository_id;
    Instant time;
    std::string opened;  ///< the object that was opened with it
};

struct SourceChangeResult {
    SourceName source;
    std::string change;  ///< adopted | retired
    std::string identity;
    std::vector<std::string> notes;
};

/// One [[notify]] entry, and whether a test arrived.
struct NotifyTestRow {
    std::string receiver;  ///< "webhook to chat.example"
    std::string place;
    bool ok = true;
    std::string problem, remedy;
};
struct NotifyTestResult {
    std::vector<NotifyTestRow> receivers;
};

/// One mistake in the configuration.
struct ConfigProblemRow {
    std::string place, what, remedy;
};
struct ConfigCheckResult {
    std::string file;
    std::vector<SourceName> sources;
    std::vector<RepositoryName> repositories;
    std::vector<ConfigProblemRow> problems;        ///< none: it is right
    std::vector<ConfigProblemRow> without_effect;  ///< set, right, and not acted on in this version
};
struct ConfigValue {
    std::string section, key, value, place;
};
struct ConfigShowResult {
    std::vector<ConfigValue> values;
};

struct VersionResult {
    std::string version;
    std::vector<std::string> drivers, stores;
    std::uint32_t repository_format = 0;
};

struct CompletionResult {
    std::string shell, script;
};

/// What a command would do, with --dry-run, where no other result says it.
struct DryRunResult {
    std::vector<std::string> steps;  ///< full sentences
};

nlohmann::json to_json(const InitResult& result);
nlohmann::json to_json(const DiscoverResult& result);
nlohmann::json to_json(const KeyListResult& result);
nlohmann::json to_json(const KeyExportResult& result);
nlohmann::json to_json(const KeyProveResult& result);
nlohmann::json to_json(const SourceChangeResult& result);
nlohmann::json to_json(const NotifyTestResult& result);
nlohmann::json to_json(const ConfigCheckResult& result);
nlohmann::json to_json(const ConfigShowResult& result);
nlohmann::json to_json(const VersionResult& result);
nlohmann::json to_json(const CompletionResult& result);
nlohmann::json to_json(const DryRunResult& result);
void from_json(const nlohmann::json& json, KeyProveResult& result);
void from_json(const nlohmann::json& json, SourceChangeResult& result);
void from_json(const nlohmann::json& json, NotifyTestResult& result);
void from_json(const nlohmann::json& json, DryRunResult& result);
std::string to_text(const InitResult& result);
std::string to_text(const DiscoverResult& result);
std::string to_text(const KeyListResult& result);
std::string to_text(const KeyExportResult& result);
std::string to_text(const KeyProveResult& result);
std::string to_text(const SourceChangeResult& result);
std::string to_text(const NotifyTestResult& result);
std::string to_text(const ConfigCheckResult& result);
std::string to_text(const ConfigShowResult& result);
std::string to_text(const VersionResult& result);
std::string to_text(const CompletionResult& result);
std::string to_text(const DryRunResult& result);
/// When one did not take the test: exit 1.
std::optional<Error> shortfall_of(const NotifyTestResult& result);
/// When there is a problem: exit 2.
std::optional<Error> shortfall_of(const ConfigCheckResult& result);

}  // namespace varve::cli

/// What the commands about the log answer, PostgreSQL's two included. docs/interface.md, "JSON".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/results_status.hpp"
#include "varve/clock.hpp"
#include "varve/driver.hpp"
#include "varve/error.hpp"
#include "varve/names.hpp"

namespace varve::cli {

struct StretchRow {
    std::string from, to;
    std::optional<Instant> last_commit;
    Instant stored_at;
    std::uint64_t objects = 0, bytes_stored = 0;
};
struct LineageRow {
    LineageName name;
    std::string parent;  ///< "0/5000060 of …"; empty: none
    std::vector<StretchRow> stretches;
};
struct LogListResult {
    SourceName source;
    std::vector<LineageRow> lineages;
};
struct LogGapsResult {
    SourceName source;
    std::vector<GapRow> gaps;
};
struct ExportedFileRow {
    std::string name;
    std::uint64_t bytes = 0;
};
struct LogExportResult {
    SourceName source;
    LineageName lineage;
    std::vector<ExportedFileRow> files;  ///< in their order
};
struct LogFollowResult {
    SourceName source;
    LineageName lineage;
    std::string position;    ///< durable on every required copy; empty: nothing yet
    bool caught_up = false;  ///< all that the server had written is durable
    unsigned gaps = 0;       ///< recorded meanwhile
};

struct MarkResult {
    SourceName source;
    std::string name;
    LineageName lineage;
    std::string position;  ///< durable on every required copy
};

struct WalPushResult {
    SourceName source;
    std::string file;
    std::string outcome;  ///< already_archived | stored | forked | not_needed
    LineageName lineage;
};
struct WalFetchResult {
    std::string name;
    bool found = false;
};
nlohmann::json to_json(const LogListResult& result);
nlohmann::json to_json(const LogGapsResult& result);
nlohmann::json to_json(const LogExportResult& result);
nlohmann::json to_json(const LogFollowResult& result);
nlohmann::json to_json(const MarkResult& result);
nlohmann::json to_json(const WalPushResult& result);
nlohmann::json to_json(const WalFetchResult& result);
void from_json(const nlohmann::json& json, LogFollowResult& result);
void from_json(const nlohmann::json& json, MarkResult& result);
void from_json(const nlohmann::json& json, WalPushResult& result);
std::string to_text(const LogListResult& result);
std::string to_text(const LogGapsResult& result);
std::string to_text(const LogExportResult& result);
std::string to_text(const LogFollowResult& result);
std::string to_text(const MarkResult& result);
std::string to_text(const WalPushResult& result);
std::string to_text(const WalFetchResult& result);
/// When there is one: exit 20.
std::optional<Error> shortfall_of(const LogGapsResult& result);
/// When the archive positively has no such file: exit 1.
std::optional<Error> shortfall_of(const WalFetchResult& result);

}  // namespace varve::cli

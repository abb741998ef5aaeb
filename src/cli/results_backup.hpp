/// What `backup run`, `backup list` and `backup show` answer. docs/interface.md, "JSON".
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

/// One backup just made.
struct BackupMade {
    BackupId id;
    SourceName source;
    Instant start_time, stop_time;
    std::uint64_t files = 0, bytes_source = 0, bytes_read = 0, bytes_stored = 0, chunks_new = 0, chunks_reused = 0;
    Duration duration{};                   ///< `duration_seconds`
    std::vector<RepositoryName> copies;    ///< that have it, durable
    std::vector<RepositoryName> left_out;  ///< copies that are not required and failed
    bool partial = false;                  ///< an error is among the findings
    std::vector<Finding> findings;
};
struct BackupRunResult {
    std::vector<BackupMade> backups;
};
/// One backup that is stored.
struct BackupRow {
    BackupId id;
    SourceName source;
    Instant start_time;
    std::optional<Instant> stop_time, kept_until;  ///< nothing, as the sizes: the manifest is damaged
    std::string tiers;                             ///< subset of "dwm"
    std::string state = "complete";                ///< complete | partial | expired | held | damaged
    std::optional<std::uint64_t> bytes_source, bytes_stored;
    std::vector<RepositoryName> copies;
};
struct BackupListResult {
    std::vector<BackupRow> backups;  ///< newest first
};

struct BackupShowResult {
    BackupRow backup;
    std::string driver, host, tool_version, identity;
    std::uint64_t files = 0, bytes_read = 0, chunks_new = 0, chunks_reused = 0, packs = 0;
    std::optional<Instant> committed;
    LineageName lineage;  ///< empty: a source without a log
    std::string start_position, stop_position;
    std::string previous;             ///< id of the backup before it, where known
    std::optional<Properties> facts;  ///< the driver's own; nothing: the keys here do not open them
    std::vector<Finding> findings;
};

nlohmann::json to_json(const BackupRunResult& result);
nlohmann::json to_json(const BackupListResult& result);
nlohmann::json to_json(const BackupShowResult& result);
void from_json(const nlohmann::json& json, BackupRunResult& result);
std::string to_text(const BackupRunResult& result);
std::string to_text(const BackupListResult& result);
std::string to_text(const BackupShowResult& result);
/// When one is partial (exit 3) or was left out of a copy (exit 4).
std::optional<Error> shortfall_of(const BackupRunResult& result);

}  // namespace varve::cli

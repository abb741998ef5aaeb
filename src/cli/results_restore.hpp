/// What `restore plan` and `restore run` answer. docs/interface.md, "JSON".
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
#include "varve/names.hpp"

namespace varve::cli {

/// "latest", "immediate", "time 2026-11-23T14:30:00Z", "before gtid 0-1-7", "backup 2026…": for `target_requested`.
std::string words_of(const Target& target, const std::optional<BackupId>& backup);

struct PathRow {
    LineageName lineage;
    std::string from, to;
};
struct RestorePlanResult {
    SourceName source;
    BackupId base;
    Instant base_start_time, base_stop_time;
    std::string target_requested;    ///< "latest", "time 2026-11-23T14:30:00Z", …
    std::string target_position;     ///< where recovery stops, when it is known
    std::string explanation;         ///< one sentence
    std::vector<PathRow> path;       ///< empty: the base alone
    std::uint64_t bytes = 0;         ///< to write
    std::string to;                  ///< destination, when one was given
    std::vector<std::string> notes;  ///< what a person should know: full sentences
};

struct RestoreRunResult {
    SourceName source;
    BackupId base;
    std::string target_requested;
    std::optional<std::string> target_reached;  ///< nothing: the server rolls forward when it is started
    std::string to;
    std::uint64_t bytes_written = 0, bytes_kept = 0;
    Duration duration{};
    std::string next_step;
    std::vector<std::string> notes;
};

nlohmann::json to_json(const RestorePlanResult& result);
nlohmann::json to_json(const RestoreRunResult& result);
std::string to_text(const RestorePlanResult& result);
std::string to_text(const RestoreRunResult& result);

}  // namespace varve::cli

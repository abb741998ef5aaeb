/// One screen of truth, as a value. docs/interface.md, "JSON".
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

enum class State { ok, warning, failed, unknown };

struct BackupSummary {
    BackupId id;
    Instant stop_time;
    std::uint64_t bytes_source = 0, bytes_stored = 0;
};

/// The newest log that one copy holds durably.
struct DurableLog {
    std::string position;
    std::optional<Instant> time;  ///< when it became durable there
    std::optional<Duration> lag;  ///< age of the oldest log that is not there yet; zero: nothing waits; nothing: unknown
    std::string problem;          ///< why it is behind; empty: it is not
};

struct LogStatus {
    std::string position;  ///< of the server, or the newest one known; may be empty
    std::map<RepositoryName, DurableLog> durable;
};

struct Window {
    Instant from, to;
    LineageName lineage;  ///< empty: each backup is an instant
};

/// Log that the archive does not have.
struct GapRow {
    LineageName lineage;
    std::string from, to;         ///< as the engine prints it
    std::optional<Instant> time;  ///< when it was found, or the last commit before it
    std::string reason;
};

struct DrillSummary {
    Instant time;
    bool ok = false;
    std::optional<Duration> rto;  ///< `rto_seconds`
};

struct SourceRow {
    SourceName name;
    std::string driver;
    State state = State::unknown;
    std::string reason;  ///< one sentence: why this state
    std::optional<BackupSummary> last_backup;
    std::optional<LogStatus> log;  ///< nothing: a source without a log
    std::vector<Window> recovery_windows;
    std::vector<GapRow> gaps;
    std::optional<DrillSummary> last_drill;
    std::optional<Instant> next_backup;
    bool backing_up = false;
    std::vector<std::string> next_actions;  ///< full sentences, the first one first
};

struct StatusResult {
    std::vector<SourceRow> sources;
    std::optional<bool> service;  ///< whether the service answers; nothing: not asked
    Instant now;                  ///< ages count from here
};
nlohmann::json to_json(const StatusResult& result);
void from_json(const nlohmann::json& json, StatusResult& result);
std::string to_text(const StatusResult& result);
/// When a source has failed, or nothing is known of its log: exit 20, the first one and why.
std::optional<Error> shortfall_of(const StatusResult& result);

}  // namespace varve::cli

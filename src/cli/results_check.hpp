/// What `check` and `verify` answer. docs/interface.md, "JSON".
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

struct RepositoryCheckRow {
    RepositoryName name;
    bool required = true;
    bool ok = true;
    std::optional<Duration> clock_skew;  ///< `clock_skew_seconds`: store minus host
    std::vector<Finding> findings;
};
struct SourceCheckRow {
    SourceName name;
    std::string driver, identity, version;
    bool ok = true;
    std::string round_trip_position;     ///< the mark, durable on every required copy; empty: not tried or not arrived
    std::optional<Duration> round_trip;  ///< `round_trip_seconds`
    std::vector<Finding> findings;
};
struct CheckResult {
    std::vector<RepositoryCheckRow> repositories;
    std::vector<SourceCheckRow> sources;
};
struct DamageRow {
    std::string key;                ///< of the object
    std::string what;               ///< full sentence
    std::vector<BackupId> backups;  ///< that need it
};
struct VerifyResult {
    int level = 0;
    std::uint64_t backups = 0, objects = 0, bytes_read = 0;
    bool whole = true;  ///< false: the budget ended it, or a copy did not answer
    Duration duration{};
    std::vector<DamageRow> damaged;
    std::vector<RepositoryName> unanswered;  ///< copies that did not answer to the end: nothing is known of the rest
};
nlohmann::json to_json(const CheckResult& result);
nlohmann::json to_json(const VerifyResult& result);
void from_json(const nlohmann::json& json, CheckResult& result);
std::string to_text(const CheckResult& result);
std::string to_text(const VerifyResult& result);
/// When something is not ok: exit 1, the first finding.
std::optional<Error> shortfall_of(const CheckResult& result);
/// When something is damaged: exit 21; when a copy did not answer: exit 75.
std::optional<Error> shortfall_of(const VerifyResult& result);

}  // namespace varve::cli

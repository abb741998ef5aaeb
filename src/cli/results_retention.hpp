/// What goes and what stays, as a value. docs/interface.md, "JSON".
#pragma once

#include <string>
#include <vector>

#include "cli/results_status.hpp"

namespace varve::cli {

struct RetentionPauseRow {
    std::string reason;  ///< half a sentence
    std::string until;   ///< what ends it: half a sentence
    std::vector<RepositoryName> copies;
};
struct DeletionRow {
    std::string kind;  ///< backup | log
    std::optional<BackupId> backup;
    std::optional<LineageName> lineage;
    std::string from, to;                         ///< log: as the engine prints it
    std::uint64_t objects = 0, bytes_stored = 0;  ///< of log
    Instant time;                                 ///< from then on nothing keeps it, to the day
    std::string reason;                           ///< half a sentence
    bool after_newer_backups = false;
    std::vector<RepositoryName> copies;
};
struct KeptRow {
    BackupId id;
    std::string tiers;
    std::optional<Instant> kept_until;  ///< at least; nothing: no end can be told
    std::vector<std::string> reasons;   ///< none: it may go
};
struct SourceRetentionRow {
    SourceName name;
    std::vector<RetentionPauseRow> paused;
    std::vector<DeletionRow> deletions;
    std::vector<KeptRow> backups;  ///< newest first
    std::vector<Window> recovery_windows_before, recovery_windows_after;
    std::vector<RepositoryName> unanswered;
};
struct RetentionPlanResult {
    int days = 0;
    std::vector<SourceRetentionRow> sources;
};
nlohmann::json to_json(const RetentionPlanResult& result);
std::string to_text(const RetentionPlanResult& result);

}  // namespace varve::cli

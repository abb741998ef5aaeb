/// What collection did or would do, and what it knows of one object. docs/interface.md, "JSON".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/results_retention.hpp"

namespace varve::cli {

struct CollectCountRow {
    std::uint64_t backups = 0, packs = 0, logs = 0, bytes_stored = 0;
};
struct CollectRefusalRow {
    std::string reason, remedy;  ///< full sentences
};
struct CollectSourceRow {
    SourceName name;
    std::vector<RetentionPauseRow> paused;
    std::vector<CollectRefusalRow> refused;
    std::vector<std::string> notes;
    CollectCountRow condemned, waiting, swept;
    std::optional<Instant> next_sweep;
};
struct CollectCopyRow {
    RepositoryName name;
    std::vector<CollectSourceRow> sources;
};
/// Of a plan: what would be done.
struct CollectResult {
    bool plan = false;
    std::vector<CollectCopyRow> copies;
    std::vector<RepositoryName> unanswered;
};
nlohmann::json to_json(const CollectResult& result);
std::string to_text(const CollectResult& result);
/// A run that a brake or a pause stopped somewhere: exit 5.
std::optional<Error> shortfall_of(const CollectResult& result);

struct CollectEventRow {
    std::string kind;  ///< condemned | sweep | swept
    Instant time;
    std::string host;
    bool by_admin = false;
    std::string reason;
};
struct CollectObjectRow {
    RepositoryName name;
    bool present = false;
    std::vector<std::string> kept_by;      ///< half sentences
    std::vector<std::string> stopped_by;   ///< full sentences
    std::optional<Instant> sweep_after;    ///< condemned, and nothing keeps it
    std::vector<CollectEventRow> history;  ///< oldest first
};
struct CollectExplainResult {
    std::string key;
    std::vector<CollectObjectRow> copies;
};
nlohmann::json to_json(const CollectExplainResult& result);
std::string to_text(const CollectExplainResult& result);

/// A statement about a backup or a source.
struct NoteResult {
    std::string kind;  ///< hold | release | acknowledged | shorten
    SourceName source;
    std::optional<BackupId> backup;
    Instant time;
    std::optional<Instant> until;
    std::vector<std::string> notes;  ///< full sentences
};
nlohmann::json to_json(const NoteResult& result);
std::string to_text(const NoteResult& result);

}  // namespace varve::cli

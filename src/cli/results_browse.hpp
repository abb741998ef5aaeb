/// What `ls`, `find` and `diff` answer, row by row: a backup may have more entries than memory, see listing.hpp.
/// docs/interface.md, "JSON".
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "varve/clock.hpp"
#include "varve/driver.hpp"
#include "varve/names.hpp"

namespace varve::cli {

/// One entry of a backup. `name` is what a person is shown: the path below the folder that was asked for.
struct EntryRow {
    Entry entry;
    bool recorded = true;  ///< false: only its path is known
    std::string name;
};

/// A path with the versions that backups have of it, the newest first.
struct FoundRow {
    struct Version {
        Entry entry;
        std::vector<BackupId> backups;  ///< newest first
    };
    std::string path;
    std::vector<Version> versions;
};

struct DifferenceRow {
    std::optional<Entry> before, after;
    std::vector<std::string> changes;  ///< of what both have
    const std::string& path() const { return after ? after->path : before->path; }
};

/// The backup that is looked into.
struct BackupSeen {
    BackupId id;
    Instant stop_time;
};

/// Before the first row.
struct ListHead {
    SourceName source;
    std::optional<BackupSeen> backup;         ///< ls, find
    std::optional<BackupSeen> before, after;  ///< diff
    std::optional<std::uint64_t> searched;    ///< find --all: how many backups
    std::vector<std::string> notes;           ///< what a person should know: full sentences
};

nlohmann::json to_json(const EntryRow& row);
nlohmann::json to_json(const FoundRow& row);
nlohmann::json to_json(const DifferenceRow& row);
nlohmann::json to_json(const ListHead& head);

}  // namespace varve::cli

/// Where everything in a backup goes when it is restored. Found, and refused where it must be, before a byte is written.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "postgresql/config_adapt.hpp"
#include "postgresql/lsn.hpp"
#include "varve/driver.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {

struct TablespacePlace {
    std::string oid, name;
    std::filesystem::path location;  ///< new
};

/// The entries of a backup by what becomes of them.
struct RestorePlan {
    std::filesystem::path to;
    WriteMode mode = WriteMode::create;
    std::string system_identifier;
    std::vector<TablespacePlace> tablespaces;
    std::vector<Entry> entries;     ///< of `pgdata/` and `tablespace/`: everything but pg_control
    std::optional<Entry> control;   ///< global/pg_control
    std::optional<Entry> label;     ///< label/backup_label
    std::vector<Entry> log;         ///< wal/…
    std::vector<Entry> config;      ///< config/…
    std::uint64_t bytes = 0;        ///< of all content
    std::string tablespace_folder;  ///< our version's folder in each tablespace: PG_15_202209061

    /// The new place of an entry of `entries`. Fault::corrupt for a path that leaves its directory.
    std::filesystem::path place_of(const Entry& entry) const;
    /// Where pg_control lies until everything else is durable.
    std::filesystem::path control_in_waiting() const { return to / "global" / "pg_control.varve"; }
    /// There from the first step to the last: a directory that has it may be finished with a delta restore.
    std::filesystem::path marker() const { return to / "varve.restoring"; }
    /// The staged log: beside the data, so that a server never takes it for its own.
    std::filesystem::path staging() const;
};

/// Reads the backup's list. Fault::corrupt when something that every backup has is not in it; Fault::invalid for a tablespace
/// that the backup does not know; Fault::conflict when two tablespaces would share a directory.
Task<RestorePlan> make_restore_plan(const RestoreRequest& request, RestoreSource& base);

/// Throws when the directories cannot be used: Fault::conflict for what is in the way, Fault::refused for a directory that a
/// server may be using, or for a delta into something that is not this cluster. Blocks: use a pool.
void check_directories(const RestorePlan& plan);

/// The first filesystem that has no room for its part of the cluster, and for `staged_bytes` of log beside it, as Fault::refused.
/// How much a delta writes is not known before: there only the log counts. Blocks: use a pool.
std::optional<Error> find_shortage(const RestorePlan& plan, std::uint64_t staged_bytes);

}  // namespace varve::postgresql

/// Giving a source back: the plan first, then the bytes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobs/archive_view.hpp"
#include "jobs/source.hpp"
#include "pipeline/recall.hpp"

namespace varve {

/// What was asked for on the command line.
struct RestoreOrder {
    Target target;
    std::optional<BackupId> backup;  ///< this base; with no other target it is restored as it was when it became consistent
    std::string timeline;            ///< a lineage by name or by its number; empty: the newest
    std::filesystem::path to;        ///< empty: `into` is meant
    std::string into;                ///< a connection to an empty server
    std::string into_password;       ///< its password, by reference
    WriteMode mode = WriteMode::create;
    std::string action = "promote";
    std::map<std::string, std::filesystem::path> tablespaces;
    bool as_production = false;
    bool on_demand_log = false;
    std::filesystem::path plan_file;    ///< where wal-fetch finds the path; empty: the log cannot be fetched on demand
    std::filesystem::path config_file;  ///< the configuration that wal-fetch uses
    std::optional<std::string> owner;
    bool start = false;                ///< the restored server; for drivers that can
    std::vector<std::string> include;  ///< only what these mean; for drivers that restore parts
};

/// Everything that is decided before a byte is written.
struct RestorePlan {
    Repository::Manifest base;
    BackupFacts facts;
    ResolvedTarget target;
    LineagePath path;  ///< empty: the base alone
    LogCatalog log;
    std::uint64_t bytes = 0;  ///< content to write; of a part it is known once the driver has looked
    std::vector<std::string> notes;
};

struct RestoreReport {
    BackupName base;
    ResolvedTarget target;
    Restored restored;
    RecallProgress read;
    std::vector<std::string> notes;
    std::chrono::microseconds duration{};
};

/// Error code `point_not_recoverable` (22) names the nearest instants. Writes nothing.
Task<RestorePlan> plan_restore(JobContext& context, Source& source, const RestoreOrder& order,
                               std::optional<Instant> known_through = {});

/// plan_restore, and everything that run_restore refuses before it writes. Writes nothing.
Task<RestorePlan> rehearse_restore(JobContext& context, Source& source, const RestoreOrder& order,
                                   std::optional<Instant> known_through = {});

/// rehearse_restore, then the driver's restore. Whatever fails leaves the target marked as unfinished by the driver.
Task<RestoreReport> run_restore(JobContext& context, Source& source, RestoreOrder order, ReportProgress report,
                                std::optional<Instant> known_through = {});

/// The reader of one backup's content. Needs a restore or escrow key.
std::unique_ptr<Recall> recall_of(JobContext& context, const Source& source, PackOrigin& origin,
                                  const Repository::Manifest& manifest);

}  // namespace varve

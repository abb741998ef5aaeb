/// Whole log files, in and out: archive_command and restore_command.
#pragma once

#include <filesystem>
#include <string>

#include "jobs/log_job.hpp"

namespace varve {

struct PushReport {
    enum class Outcome {
        already_archived,  ///< the archive has the same bytes, durable on every required copy
        stored,            ///< was not covered: stored now, durable
        forked,      ///< other bytes than archived under these positions, or a host that cannot compare: stored as a lineage
                     ///< of its own, and an alert
        not_needed,  ///< a file an archive has no use for
    };
    Outcome outcome = Outcome::stored;
    std::string lineage;
};

/// What archive_command does. Ends when the file's bytes (a history: its text) are durable on every required copy;
/// Fault::overloaded (exit 75) when that takes longer than `patience`: the server tries again. `follower` may be nullptr
/// (log = "push").
Task<PushReport> push_log_file(JobContext& context, Source& source, LogFollower* follower, std::filesystem::path file,
                               std::chrono::microseconds patience = std::chrono::seconds{60});

/// The path along which wal-fetch answers, as a restore has frozen it: with it, nothing is listed.
struct FetchPlan {
    SourceName source;
    std::filesystem::path config;  ///< the configuration file of the restore that froze it
    LineagePath path;
    LogCatalog log;  ///< at least what lies on the path, and every lineage
};
void write_fetch_plan(const std::filesystem::path& file, const FetchPlan& plan);
FetchPlan read_fetch_plan(const std::filesystem::path& file);

/// What restore_command does: along the plan, else along the newest lineage to its tip. False: positively absent.
/// Everything that keeps a file of the path away, or leaves open whether there is one, is thrown after some retries.
Task<bool> fetch_log_file(JobContext& context, Source& source, std::optional<FetchPlan> plan, std::string name,
                          std::filesystem::path to);

}  // namespace varve

/// Whole log files, in and out: archive_command and restore_command.
#pragma once

#include <filesystem>
#include <string>

#include "jobs/log_job.hpp"

namespace varve {

struct PushReport {
    enum class Outcome {
        already_archived,  ///< the follower shipped the same bytes, and they are durable
        stored,            ///< was not covered: stored now, durable
        forked,            ///< other bytes than archived under these positions: stored as a lineage of its own, and an alert
        not_needed,        ///< a file an archive has no use for
    };
    Outcome outcome = Outcome::stored;
    std::string lineage;
};

/// What archive_command does. Ends when the file's bytes are durable on every required copy; Fault::overloaded (exit 75) when
/// that takes longer than `patience`: the server tries again. `follower` may be nullptr (log = "push").
Task<PushReport> push_log_file(JobContext& context, Source& source, LogFollower* follower, std::filesystem::path file,
                               std::chrono::microseconds patience = std::chrono::seconds{60});

/// The path along which wal-fetch answers: frozen by a restore (file), or the newest lineage to its tip.
struct FetchPlan {
    SourceName source;
    std::filesystem::path config;  ///< the configuration file of the restore that froze it
    LineagePath path;
};
void write_fetch_plan(const std::filesystem::path& file, const FetchPlan& plan);
FetchPlan read_fetch_plan(const std::filesystem::path& file);

/// What restore_command does. False: positively absent. Everything that keeps a file of the path away is thrown after some
/// retries.
Task<bool> fetch_log_file(JobContext& context, Source& source, std::optional<LineagePath> path, std::string name,
                          std::filesystem::path to);

}  // namespace varve

/// One base backup of one source, from the driver to a committed manifest.
#pragma once

#include "jobs/source.hpp"
#include "pipeline/ingest.hpp"
#include "repository/backup_commit.hpp"

namespace varve {

struct BackupOptions {
    bool read_everything = false;
    ReportProgress report;
};

struct BackupReport {
    CommittedBackup committed;
    BackupBirth birth;
    BackupFacts facts;
    IngestTotals totals;
    std::chrono::microseconds duration{};
    bool partial = false;  ///< a finding is an error: unreadable entries or bad pages
};

/// Ends when the backup is durable on every required copy, or throws and leaves nothing visible. Owns the source's backup lock.
Task<BackupReport> run_backup(JobContext& context, Source& source, BackupOptions options);

/// Fault::refused (exit 5) when `state` is not the source that was archived under this name before.
Task<> require_same_identity(JobContext& context, const Source& source, const SourceState& state);

/// From now on `identity` is the source's, whatever was archived before under its name. Blocks briefly.
void adopt_identity(const SourceSetup& setup, const std::string& identity);

}  // namespace varve

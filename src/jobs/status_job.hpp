/// One screen of truth about a source: the verdict and the sentence why, from the repository first and the service second.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "jobs/archive_view.hpp"
#include "jobs/log_job.hpp"
#include "jobs/source.hpp"
#include "policy/base_need.hpp"

namespace varve {

enum class Verdict { ok, warning, failed, unknown };

struct CopyLag {
    bool required = true;
    std::string position;
    std::optional<Instant> time;  ///< when the newest log object became durable there
    std::optional<std::chrono::microseconds>
        lag;  ///< age of the oldest log that is not there yet; zero: nothing waits; nothing: unknown
    std::optional<std::uint64_t> lag_bytes;  ///< of log that was received and is not there yet
    std::string problem;
};

/// The backups that this process made or tried to make of a source, scheduled or asked for.
struct BackupTally {
    unsigned made = 0, failed = 0;
    std::optional<Instant> last_begun;
    std::optional<std::chrono::microseconds> last_duration;  ///< of the last one that was made
};

/// Log that the archive does not have.
struct LostLog : LogHole {
    std::string reason;
};

/// What the service knows of a source; absent when no service answers.
struct ServiceView {
    bool follows = false;
    bool connected = false;
    bool backing_up = false;
    std::string log_problem, log_remedy, backup_problem;
    std::optional<Instant> durable_through;  ///< every commit up to then is durable
    std::optional<LineageName> lineage;      ///< of the newest durable log
    std::map<RepositoryName, CopyLag> durable;
    std::optional<Instant> next_backup;
    unsigned gaps = 0;
    BackupTally backups;
};

struct SourceStatus {
    SourceName source;
    std::string driver;
    bool has_log = false;
    Verdict verdict = Verdict::unknown;
    std::string reason;
    std::string remedy;
    std::optional<ArchiveView::Backup> last_backup;
    std::map<RepositoryName, Instant> backed_up;  ///< per copy: the stop time of the newest backup that it holds
    std::string log_position;
    std::map<RepositoryName, CopyLag> durable;
    std::vector<RecoveryWindow> windows;
    std::vector<LostLog> gaps;
    std::optional<BaseNeed> base_need;
    std::vector<std::string> forks;             ///< lineages of bytes that contradict what was streamed
    std::vector<BackupId> damaged;              ///< backups whose manifest cannot be read
    std::optional<std::string> unreadable_log;  ///< why no object of a lineage can be read
    std::optional<Instant> next_backup;
    std::optional<Instant> archive_read;  ///< when what is told of the archive was read; nothing: never yet
    std::string archive_problem;          ///< why it cannot be read now
    std::optional<ServiceView> service;   ///< what the verdict was reached with
};

struct StatusRules {
    std::chrono::microseconds backup_age_max = std::chrono::hours{26};
    /// Of log that a required copy does not have yet: a warning, and a failure.
    std::chrono::microseconds lag_warned = std::chrono::seconds{15};
    std::chrono::microseconds lag_max = std::chrono::seconds{30};
    std::chrono::microseconds clock_slack = std::chrono::minutes{5};
};
/// A log object waits for one ship interval and the time of storing it: what waits for nearly two is late.
StatusRules rules_for(const SourceSetup& setup);

/// The verdict over values. Pure.
void judge(SourceStatus& status, const ServiceView* service, bool has_log, Instant now, const StatusRules& rules);

/// What the archive says of a source, without a verdict. `known_through`: see read_archive().
Task<SourceStatus> archived_status(JobContext& context, Source& source, std::optional<Instant> known_through);
/// Adds what the service knows now, or that there is none, and the verdict. Pure.
void complete_status(SourceStatus& status, std::optional<ServiceView> service, Instant now, const StatusRules& rules);
/// Both.
Task<SourceStatus> status_of(JobContext& context, Source& source, std::optional<ServiceView> service);

}  // namespace varve

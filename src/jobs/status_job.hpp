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
    std::optional<Instant> time;                   ///< when the newest log object became durable there
    std::optional<std::chrono::microseconds> lag;  ///< age of the oldest log that is not there yet; zero: nothing waits
    std::string problem;
};

/// Log that the archive does not have.
struct LostLog : LogHole {
    std::string reason;
};

struct SourceStatus {
    SourceName source;
    std::string driver;
    Verdict verdict = Verdict::unknown;
    std::string reason;
    std::string remedy;
    std::optional<ArchiveView::Backup> last_backup;
    std::string log_position;
    std::map<RepositoryName, CopyLag> durable;
    std::vector<RecoveryWindow> windows;
    std::vector<LostLog> gaps;
    std::optional<BaseNeed> base_need;
    std::vector<std::string> forks;             ///< lineages of bytes that contradict what was streamed
    std::vector<BackupId> damaged;              ///< backups whose manifest cannot be read
    std::optional<std::string> unreadable_log;  ///< why no object of a lineage can be read
    std::optional<Instant> next_backup;
};

/// What the service knows of a source; absent when no service answers.
struct ServiceView {
    bool follows = false;
    bool connected = false;
    bool backing_up = false;
    std::string log_problem, log_remedy, backup_problem;
    std::optional<Instant> durable_through;  ///< every commit up to then is durable
    std::map<RepositoryName, CopyLag> durable;
    std::optional<Instant> next_backup;
    unsigned gaps = 0;
};

struct StatusRules {
    std::chrono::microseconds backup_age_max = std::chrono::hours{26};
    std::chrono::microseconds lag_max = std::chrono::seconds{30};
    std::chrono::microseconds clock_slack = std::chrono::minutes{5};
};

/// The verdict over values. Pure.
void judge(SourceStatus& status, const ServiceView* service, bool has_log, Instant now, const StatusRules& rules);

Task<SourceStatus> status_of(JobContext& context, Source& source, std::optional<ServiceView> service);

}  // namespace varve

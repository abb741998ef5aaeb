/// The service in the foreground: follows every source's log, runs the backup schedule, answers the control socket.
/// What fails for one source, whatever it throws, is told in its status and tried again; the other sources go on.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "jobs/backup_job.hpp"
#include "jobs/log_job.hpp"
#include "jobs/status_job.hpp"
#include "policy/calendar.hpp"
#include "service/control.hpp"

namespace varve {

struct ServedSource {
    Source* source = nullptr;
    Schedule backup;  ///< when a base backup is due
    Zone zone;        ///< the policy zone
};

struct ServiceOptions {
    std::filesystem::path socket;
    unsigned backups_at_once = 1;
};

/// What runs in the service for one source, as status and the control socket see it.
struct ServedState {
    std::string name;
    FollowState log;
    bool follows = false;
    bool backing_up = false;
    std::string last_backup_problem;
    BackupTally backups;
    std::optional<Instant> next_backup;
};

/// io thread. Sources and context outlive it.
class Service {
public:
    Service(JobContext& context, std::vector<ServedSource> sources, ServiceOptions options);
    ~Service();

    /// Until cancelled; then everything received is made durable as far as the repositories allow (within 30 s) and nothing
    /// half-done is visible. `answer` handles the commands of the control socket.
    Task<> run(HandleCommand answer);

    /// Nothing for an unknown source.
    std::optional<ServedState> find_state(const std::string& source) const;
    /// One backup now, in turn with the scheduled ones. Fault::missing for an unknown source.
    Task<BackupReport> back_up(std::string source, BackupOptions options);
    /// The follower of a source, or nullptr when its log is not followed. One that failed is replaced: ask again for a new
    /// command.
    std::shared_ptr<LogFollower> follower(const std::string& source);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve

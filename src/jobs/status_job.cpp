#include "jobs/status_job.hpp"

#include <algorithm>

#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

void set(SourceStatus& status, Verdict verdict, std::string reason, std::string remedy) {
    status.verdict = verdict;
    status.reason = std::move(reason);
    status.remedy = std::move(remedy);
}

const CopyLag* worst_lag(const SourceStatus& status) {
    const CopyLag* worst = nullptr;
    for (const auto& [name, copy] : status.durable)
        if (copy.required && copy.lag && (worst == nullptr || *copy.lag > *worst->lag)) worst = &copy;
    return worst;
}

std::string behind(const CopyLag& copy) {
    return "the log is " + std::to_string(copy.lag->count() / 1'000'000) + " s behind" +
           (copy.problem.empty() ? "" : ": " + copy.problem);
}
constexpr const char* look_behind = "Look at the repository that is behind.";

/// A copy that is not required delays nothing, and whoever counts on it must hear that it misses something.
std::optional<std::string> trouble_of_optional_copies(const SourceStatus& status, const StatusRules& rules) {
    for (const auto& [name, copy] : status.durable) {
        if (copy.required) continue;
        if (!copy.problem.empty()) return name.text() + " misses log: " + copy.problem;
        if (copy.lag && *copy.lag > rules.lag_max)
            return name.text() + " is " + std::to_string(copy.lag->count() / 1'000'000) + " s behind";
    }
    return std::nullopt;
}

/// Why the log is missing, as it was noted when it was lost.
std::string reason_of(const LogHole& hole, const std::vector<format::NoteStructure>& notes) {
    for (const auto& note : notes)
        if (note.kind() == "gap" && note.lineage() == hole.lineage.text() && note.from_position() <= hole.from &&
            hole.from < std::max(note.to_position(), note.from_position() + 1))
            return note.reason();
    return "no log object covers it";
}

/// Notes are read where there is a gap to explain, and no status fails for want of them.
Task<std::vector<LostLog>> lost_log(JobContext& context, SourceName source, const ArchiveContent& archive) {
    std::vector<LostLog> lost;
    const auto holes = log_holes(archive.log);
    if (holes.empty()) co_return lost;
    std::vector<format::NoteStructure> notes;
    try {
        notes = co_await context.repository.notes(source);
    } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        log_failure(LogLevel::warning, source.text(), error);
    }
    for (const auto& hole : holes) {
        LostLog one;
        static_cast<LogHole&>(one) = hole;
        one.reason = reason_of(hole, notes);
        lost.push_back(std::move(one));
    }
    co_return lost;
}

}  // namespace

StatusRules rules_for(const SourceSetup& setup) {
    StatusRules rules;
    const std::chrono::microseconds least = std::chrono::seconds{1};
    rules.lag_warned = setup.ship_interval + std::max(setup.ship_interval / 2, least);
    rules.lag_max = std::max(rules.lag_max, 3 * setup.ship_interval);
    return rules;
}

void judge(SourceStatus& status, const ServiceView* service, bool has_log, Instant now, const StatusRules& rules) {
    const auto name = status.source.text();
    if (!status.archive_problem.empty())
        return set(status, Verdict::failed, "the archive cannot be read: " + status.archive_problem,
                   "Ask for what is wrong with: varve check.");
    if (!status.last_backup)
        return set(status, Verdict::failed,
                   service == nullptr || service->backup_problem.empty() ? "there is no backup yet"
                                                                         : "there is no backup yet: " + service->backup_problem,
                   "Take one with: varve backup run " + name);
    if (has_log && status.base_need)
        return set(status, Verdict::failed, words_of(*status.base_need), "Take one with: varve backup run " + name);
    if (service != nullptr && !service->log_problem.empty())
        return set(status, Verdict::failed, "the log is not followed: " + service->log_problem, service->log_remedy);
    const auto* lag = worst_lag(status);
    if (lag != nullptr && *lag->lag > rules.lag_max) return set(status, Verdict::failed, behind(*lag), look_behind);
    if (has_log && service == nullptr)
        return set(status, Verdict::unknown, "no service answers, so nothing is known of the newest log",
                   "Start it with: varve serve");
    if (service != nullptr && service->follows && !service->connected)
        return set(status, Verdict::unknown, "the log is not followed yet", "Wait a moment, then ask again.");
    if (service != nullptr && !service->backup_problem.empty())
        return set(status, Verdict::failed, "the last backup failed: " + service->backup_problem,
                   "Run it by hand with: varve backup run " + name);
    if (status.unreadable_log)
        return set(
            status, Verdict::failed, "archived log cannot be read: " + *status.unreadable_log,
            "varve verify names every damaged object; a new base backup makes what comes recoverable: varve backup run " + name);
    if (!status.damaged.empty())
        return set(status, Verdict::failed, "the manifest of backup " + status.damaged.front().text() + " is damaged",
                   "varve verify names the object; take a new backup with: varve backup run " + name);
    if (lag != nullptr && *lag->lag > rules.lag_warned) return set(status, Verdict::warning, behind(*lag), look_behind);
    if (!status.forks.empty())
        return set(status, Verdict::warning,
                   "the log has forked: other bytes than streamed are archived as " + status.forks.front(),
                   "Find out which server wrote them; varve log list " + name + " shows both.");
    if (const auto trouble = trouble_of_optional_copies(status, rules))
        return set(status, Verdict::warning, *trouble, "Look at that repository: varve check.");
    const auto age = now - from_format(status.last_backup->structure.stop_time());
    if (age > rules.backup_age_max)
        return set(status, Verdict::warning, "the last backup is " + std::to_string(age / std::chrono::hours{1}) + " hours old",
                   "Take one with: varve backup run " + name);
    if (age < -rules.clock_slack)
        return set(status, Verdict::warning, "the last backup is dated in the future: a clock was wrong, or is",
                   "Set the clocks of this host and its stores by NTP; take a backup with: varve backup run " + name);
    if (status.last_backup->structure.partial())
        return set(status, Verdict::warning, "the last backup is partial",
                   "See varve backup show " + status.last_backup->name.id.text());
    set(status, Verdict::ok, has_log ? "backed up, and the log is on every required repository" : "backed up", "");
}

Task<SourceStatus> archived_status(JobContext& context, Source& source, std::optional<Instant> known_through) {
    SourceStatus status;
    status.source = source.setup.name;
    status.driver = source.setup.driver;
    status.has_log = source.driver->traits().has_log && source.setup.log != LogRoute::off;
    const auto view = co_await read_archive(context, source, known_through);
    if (!view.backups.empty()) {
        status.last_backup = view.backups.front();
        status.last_backup->structure.clear_packs();  // nobody asks for them here, and there may be many thousands
    }
    for (const auto& backup : view.backups)  // newest first: the first one that a copy has stays
        for (const auto& copy : backup.name.copies) status.backed_up.try_emplace(copy, from_format(backup.structure.stop_time()));
    for (const auto& damaged : view.damaged) status.damaged.push_back(damaged.name.id);
    if (const auto& unreadable = view.log.unreadable(); !unreadable.empty())
        status.unreadable_log = unreadable.front().error.sentence();
    if (const auto tip = view.log.tip()) status.log_position = tip->position.text;
    status.windows = recovery_windows(view.content);
    for (const auto& log : view.log.lineages())
        if (log.lineage.facts.contains("forked_from")) status.forks.push_back(log.lineage.name.text());
    status.gaps = co_await lost_log(context, source.setup.name, view.content);
    status.base_need = base_need(view.content);
    status.archive_read = context.clock.now();
    co_return status;
}

void complete_status(SourceStatus& status, std::optional<ServiceView> service, Instant now, const StatusRules& rules) {
    status.service = std::move(service);
    if (status.service) {
        status.durable = status.service->durable;
        status.next_backup = status.service->next_backup;
    }
    if (!status.archive_read && status.archive_problem.empty())
        return set(status, Verdict::unknown, "the archive was not read yet", "Wait a moment, then ask again.");
    judge(status, status.service ? &*status.service : nullptr, status.has_log, now, rules);
}

Task<SourceStatus> status_of(JobContext& context, Source& source, std::optional<ServiceView> service) {
    auto status = co_await archived_status(context, source, service ? service->durable_through : std::nullopt);
    complete_status(status, std::move(service), context.clock.now(), rules_for(source.setup));
    co_return status;
}

}  // namespace varve

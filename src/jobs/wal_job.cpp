// What restore_command asks for. What archive_command hands over: wal_push.cpp; the plan: wal_plan.cpp.
#include "jobs/wal_job.hpp"

#include "policy/backoff.hpp"
#include "policy/log_trace.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

constexpr unsigned fetch_tries = 5;

/// From the root to the tip of the lineage written to last. A stretch begins where the archive begins to have its lineage: a
/// hole behind that is met as one, and not taken for the end of the log.
LineagePath newest_path(const LogCatalog& catalog) {
    const auto tip = catalog.tip();
    if (!tip) return {};
    ArchiveContent content;
    for (const auto& log : catalog.lineages()) {
        content.lineages.push_back(log.lineage);
        for (const auto& stretch : log.stretches)
            content.log.push_back(
                {.lineage = log.lineage.name, .from = stretch.from, .to = stretch.to, .stored_at = stretch.stored_at});
    }
    const LogTree tree{content};
    const auto way = tree.ancestry(tip->lineage.name);
    LineagePath path;
    for (std::size_t step = 0; step < way.size(); ++step) {
        const auto& runs = tree.runs(way[step]->name);
        if (runs.empty()) continue;
        const auto to = step + 1 < way.size() ? way[step + 1]->parent->at : runs.back().to;
        if (runs.front().from < to) path.push_back({.lineage = *way[step], .from = runs.front().from, .to = to});
    }
    return path;
}

/// "Absent" ends a recovery, and the server promotes: it is said only when nothing is left that may have the file.
void require_known(const LogCatalog& catalog, const std::string& name) {
    if (!catalog.unanswered().empty())
        throw Error{Fault::unreachable, name + " is in none of the repositories that answer, but " +
                                            catalog.unanswered().front().text() + " does not and may have it"};
    if (!catalog.unreadable().empty()) throw Error{catalog.unreadable().front().error}.during("looking for " + name);
}

Task<bool> fetch_once(JobContext& context, Source& source, const std::optional<FetchPlan>& plan, const std::string& name,
                      const std::filesystem::path& to) {
    // What a plan does not name is positively absent: it lies beyond the frozen tip, or off the path.
    const auto catalog = plan ? plan->log : co_await LogCatalog::read(context.repository, source.setup.name);
    const auto log = make_log_source(context.repository, source.setup.name, catalog, plan ? plan->path : newest_path(catalog));
    const bool found = co_await source.driver->fetch_log_file(name, to, *log);
    if (!found) require_known(catalog, name);
    co_return found;
}

}  // namespace

Task<bool> fetch_log_file(JobContext& context, Source& source, std::optional<FetchPlan> plan, std::string name,
                          std::filesystem::path to) {
    Backoff backoff;
    for (unsigned tries = 1;; ++tries) {
        std::chrono::microseconds pause{};
        try {
            co_return co_await fetch_once(context, source, plan, name, to);
        } catch (const Error& error) {
            if (!error.retryable() || tries == fetch_tries) throw;
            backoff.failed();
            pause = backoff.pause(context.chance());
        }
        co_await context.clock.sleep_for(pause);
    }
}

}  // namespace varve

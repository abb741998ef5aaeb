#include "app/commands.hpp"
#include "jobs/collect_explain.hpp"
#include "jobs/collect_job.hpp"
#include "jobs/hold_job.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

cli::CollectCountRow row_of(const CollectCount& count) {
    return {.backups = count.backups, .packs = count.packs, .logs = count.logs, .bytes_stored = count.bytes};
}

cli::CollectSourceRow row_of(const SourceCollected& source, const RepositoryName& copy) {
    cli::CollectSourceRow row{.name = source.source,
                              .paused = {},
                              .refused = {},
                              .notes = {},
                              .condemned = row_of(source.condemned),
                              .waiting = row_of(source.waiting),
                              .swept = row_of(source.swept),
                              .next_sweep = source.next};
    for (const auto& pause : source.pauses)
        row.paused.push_back({.reason = words_of(pause), .until = remedy_of(pause), .copies = {copy}});
    for (const auto& refusal : source.refused) row.refused.push_back({.reason = refusal.reason, .remedy = refusal.remedy});
    if (source.asks_for_less)
        row.notes.emplace_back(
            "The configuration asks for less log than was kept so far: it is kept as before, until an admin takes the new length "
            "with varve gc run --approve.");
    return row;
}

cli::CollectResult result_of(const CollectReport& report, bool plan) {
    cli::CollectResult result{.plan = plan, .copies = {}, .unanswered = report.unanswered};
    for (const auto& copy : report.copies) {
        auto& row = result.copies.emplace_back(cli::CollectCopyRow{.name = copy.copy, .sources = {}});
        for (const auto& source : copy.sources) row.sources.push_back(row_of(source, copy.copy));
    }
    return result;
}

cli::NoteResult result_of(std::string kind, const NoteSubject& subject, Instant time) {
    return {.kind = std::move(kind), .source = subject.source, .backup = subject.backup, .time = time, .until = {}, .notes = {}};
}

}  // namespace

Task<cli::CollectResult> plan_collection(App& app, cli::CollectPlanRequest) {
    co_return result_of(co_await plan_collect(app.jobs(), app.all_sources()), true);
}

Task<cli::CollectResult> run_collection(App& app, cli::CollectRunRequest request) {
    const auto approval = request.approve ? Approval::given : Approval::none;
    co_return result_of(co_await collect(app.jobs(), app.all_sources(), approval), false);
}

Task<cli::CollectExplainResult> explain_collection(App& app, cli::CollectExplainRequest request) {
    const auto told = co_await explain_object(app.jobs(), app.all_sources(), request.key);
    cli::CollectExplainResult result{.key = told.key, .copies = {}};
    for (const auto& copy : told.copies) {
        cli::CollectObjectRow row{.name = copy.copy,
                                  .present = copy.present,
                                  .kept_by = copy.kept,
                                  .stopped_by = copy.stopped,
                                  .sweep_after = copy.sweep_after,
                                  .history = {}};
        for (const auto& event : copy.history)
            row.history.push_back(
                {.kind = event.kind, .time = event.time, .host = event.host, .by_admin = event.by_admin, .reason = event.reason});
        result.copies.push_back(std::move(row));
    }
    co_return result;
}

Task<cli::NoteResult> hold_backup(App& app, cli::BackupHoldRequest request) {
    const auto subject = co_await find_note_subject(app.jobs(), app.all_sources(), request.subject, Missing::may_not);
    auto result = result_of("hold", subject, co_await hold_backup(app.jobs(), subject, request.until));
    result.until = request.until;
    co_return result;
}

Task<cli::NoteResult> release_backup(App& app, cli::BackupReleaseRequest request) {
    const auto subject = co_await find_note_subject(app.jobs(), app.all_sources(), request.subject, Missing::may_not);
    co_return result_of("release", subject, co_await put_note(app.jobs(), subject, "release"));
}

Task<cli::NoteResult> acknowledge_backup(App& app, cli::BackupAcknowledgeRequest request) {
    const auto subject = co_await find_note_subject(app.jobs(), app.all_sources(), request.subject, Missing::may);
    co_return result_of("acknowledged", subject, co_await put_note(app.jobs(), subject, "acknowledged"));
}

Task<cli::NoteResult> delete_backup(App& app, cli::BackupDeleteRequest request) {
    const auto subject = co_await find_note_subject(app.jobs(), app.all_sources(), request.id.text(), Missing::may_not);
    if (!subject.backup)
        throw Error{Fault::invalid, request.id.text() + " is a source"}.hint(
            "varve source retire gives up a source; its backups go when their time is over.");
    const auto time = co_await delete_backup(app.jobs(), app.source(subject.source), *subject.backup);
    auto result = result_of("shorten", subject, time);
    result.until = time;
    result.notes.emplace_back(
        "Collection takes it into account three days from now and removes it three days after that, with the packs that nothing "
        "else "
        "lists, when their month has ended two weeks ago.");
    co_return result;
}

}  // namespace varve

#include "jobs/hold_job.hpp"

#include <algorithm>

#include "jobs/collect_survey.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// Longer than the store's clock may leap unnoticed, and than a day's suspension.
constexpr std::chrono::days restore_hold{7};
constexpr std::chrono::days hold_again_after{2};

bool may_be_hash(const std::string& text) {
    return text.size() == 8 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Error not_found(const std::string& text) {
    return Error{Fault::missing, "there is no backup " + text}
        .code("backup_not_found", 1)
        .hint("varve backup list shows the ones that there are.");
}

Error being_collected(const std::string& what, const RepositoryName& copy, const Repository::CollectRecord& sweep) {
    return Error{Fault::refused,
                 what + " is being removed from " + copy.text() + " since " + to_rfc3339(sweep.time) + ": its time was over"}
        .code("being_collected", 5)
        .with("record", sweep.key.text())
        .hint("Choose another backup. If the collector that began it was cut off, varve gc run ends it.");
}

/// Throws when a collector may be removing one of these keys from some copy. A host that cannot read the collectors' records, or
/// a copy that does not answer, stops no restore: what is missing is seen when it is read.
Task<> require_no_sweep(JobContext& context, std::vector<std::pair<std::string, std::string>> named) {
    for (const auto& copy : context.repository.copies().all()) {
        std::optional<Error> trouble;
        try {
            const auto history = co_await CollectHistory::read(context.repository, copy);
            const auto now = co_await copy.store->now();
            for (const auto& [key, what] : named)
                if (const auto* sweep = history.find_sweep_of(key, now)) throw being_collected(what, copy.name, *sweep);
        } catch (const Error& error) {
            if (error.fault() == Fault::cancelled || error.code_word() == "being_collected") throw;
            trouble = error;
        }
        if (trouble)
            log_failure(LogLevel::warning, copy.name.text(),
                        trouble->during("looking for a collector that removes what is read"));
    }
}

std::vector<std::pair<std::string, std::string>> named_by(const ReadSubject& subject) {
    std::vector<std::pair<std::string, std::string>> named{{subject.backup.key.text(), "backup " + subject.backup.id.text()}};
    for (const auto& step : subject.path) {
        const auto* lineage = subject.log.find(step.lineage.name);
        if (lineage == nullptr) continue;
        for (const auto& stretch : lineage->stretches)
            for (const auto& object : stretch.objects)
                if (object.from < step.to && step.from < object.to)
                    named.emplace_back(object.key.text(), "log that leads on from backup " + subject.backup.id.text());
    }
    return named;
}

Task<> put_restore_holds(JobContext& context, ReadSubject subject) {
    const auto until = to_format(co_await context.repository.now() + restore_hold);
    format::NoteStructure note;
    note.set_kind("hold");
    note.set_reason("it is being restored");
    note.set_until(until);
    note.set_backup(subject.backup.id.text());
    co_await context.repository.put_note(subject.source, note);
    note.clear_backup();
    for (const auto& step : subject.path) {
        note.set_lineage(step.lineage.name.text());
        note.set_from_position(step.from);
        note.set_to_position(step.to);
        co_await context.repository.put_note(subject.source, note);
    }
}

/// In a disaster the repository may be on a medium that cannot be written to: the restore goes on.
Task<> try_to_hold(JobContext& context, ReadSubject subject) {
    const auto source = subject.source;
    std::optional<Error> trouble;
    try {
        co_await put_restore_holds(context, std::move(subject));
    } catch (const Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        trouble = error;
    }
    if (trouble)
        log_failure(
            LogLevel::warning, source.text(),
            trouble->during("holding the backup for the restore: a collector that removes it meanwhile would end the restore"));
}

/// A backup that is in no list any more: by the records of collectors, or by the one that was made after it.
Task<std::optional<NoteSubject>> find_lost(JobContext& context, std::vector<Source*> sources, std::string text) {
    for (const auto& copy : context.repository.copies().all()) {
        const auto history = co_await CollectHistory::read(context.repository, copy);
        for (const auto* source : sources)
            if (history.known(source->setup.name).contains(BackupId{text}))
                co_return NoteSubject{.source = source->setup.name, .backup = BackupId{text}};
    }
    if (!may_be_hash(text)) co_return std::nullopt;
    for (const auto* source : sources) {
        const auto view = co_await read_archive(context, *source);
        for (const auto& backup : view.backups)
            if (to_hex(view_of(backup.structure.previous_manifest())).starts_with(text))
                co_return NoteSubject{.source = source->setup.name, .backup = BackupId{text}};
    }
    co_return std::nullopt;
}

}  // namespace

Task<NoteSubject> find_note_subject(JobContext& context, std::vector<Source*> sources, std::string text, Missing missing) {
    for (const auto* source : sources)
        if (source->setup.name.text() == text) co_return NoteSubject{.source = source->setup.name, .backup = {}};
    for (const auto* source : sources)
        for (const auto& backup : co_await context.repository.backups(source->setup.name))
            if (backup.id.text() == text) co_return NoteSubject{.source = source->setup.name, .backup = backup.id};
    if (missing == Missing::may)
        if (auto found = co_await find_lost(context, sources, text)) co_return std::move(*found);
    throw not_found(text);
}

Task<Instant> put_note(JobContext& context, NoteSubject subject, std::string kind, std::optional<Instant> until) {
    const auto time = co_await context.repository.now();
    format::NoteStructure note;
    note.set_kind(kind);
    note.set_time(to_format(time));
    if (subject.backup) note.set_backup(subject.backup->text());
    if (until) note.set_until(to_format(*until));
    co_await context.repository.put_note(subject.source, std::move(note));
    co_return time;
}

Task<Instant> hold_backup(JobContext& context, NoteSubject subject, std::optional<Instant> until) {
    const auto now = co_await context.repository.now();
    if (until && *until <= now)
        throw Error{Fault::invalid, "--until " + to_rfc3339(*until) + " is past"}.hint("Give a time ahead, or leave it out.");
    const auto time = co_await put_note(context, subject, "hold", until);
    std::vector<std::pair<std::string, std::string>> named;
    for (const auto& backup : co_await context.repository.backups(subject.source))
        if (subject.backup == backup.id) named.emplace_back(backup.key.text(), "backup " + backup.id.text());
    if (subject.backup && named.empty()) throw not_found(subject.backup->text());
    co_await require_no_sweep(context, std::move(named));
    co_return time;
}

Task<Instant> delete_backup(JobContext& context, Source& source, BackupId backup) {
    // Whatever keeps it besides its time: asked before the note is put, so that nobody believes that it goes.
    const auto survey = co_await survey_collection(context, {&source}, Approval::none);
    for (const auto& copy : survey.copies)
        for (const auto& seen : copy.sources)
            for (std::size_t i = 0; i < seen.archive.backups.size(); ++i) {
                if (seen.archive.backups[i].id != backup) continue;
                for (const auto& kept : seen.plan.backups[i].kept) {
                    if (kept.reason == KeepReason::not_expired) continue;
                    throw Error{Fault::refused,
                                "backup " + backup.text() + " is kept in " + copy.copy.name.text() + ": " + words_of(kept.reason)}
                        .code("kept", 5)
                        .hint(
                            "A hold is ended with varve backup release. What keeps the newest backups of a source is ended with "
                            "varve "
                            "source retire, when no more are to come.");
                }
            }
    const auto now = co_await context.repository.now();
    co_return co_await put_note(context, {.source = source.setup.name, .backup = backup}, "shorten", now);
}

Task<> hold_for_restore(JobContext& context, ReadSubject subject) {
    co_await try_to_hold(context, subject);
    co_await require_no_sweep(context, named_by(subject));
}

Task<> keep_holding(JobContext& context, ReadSubject subject) {
    for (;;) {
        co_await context.clock.sleep_for(hold_again_after);
        co_await try_to_hold(context, subject);
    }
}

}  // namespace varve

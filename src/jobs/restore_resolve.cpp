#include "jobs/restore_resolve.hpp"

#include <algorithm>

#include "varve/error.hpp"

namespace varve {

namespace {

bool not_recoverable(const Error& error) { return error.code_word() == "point_not_recoverable"; }

// ------------------------------------------------------------------------------------------------------- copies that are silent

bool has_log(const ArchiveView& view) {
    return !view.content.log.empty() ||
           std::ranges::any_of(view.content.backups, [](const auto& one) { return one.stop.has_value(); });
}

Error silent(const ArchiveView::Silent& one, const std::string& otherwise) {
    const std::string kind = one.required ? "the required copy " : "the copy ";
    return Error{Fault::unreachable, kind + one.copy.text() + " of the repository did not answer" + otherwise}.hint(
        "Try again when " + one.copy.text() + " answers. A backup that the other copies have is restored with --backup ID.");
}

/// What is newest is known only when every required copy has said what it has.
void require_answers(const RestoreOrder& order, const ArchiveView& view) {
    if (view.silent.empty() || !view.silent.front().required) return;
    const bool with_log = has_log(view);
    const bool newest = order.target.kind == Target::Kind::latest || order.target.kind == Target::Kind::immediate || !with_log;
    const bool named = order.backup && (order.target.kind != Target::Kind::latest || !with_log);
    if (newest && !named) throw silent(view.silent.front(), ", and may hold a newer state");
}

/// Log that cannot be read at all may be that of any lineage, also of the newest.
void require_readable_log(const RestoreOrder& order, const ArchiveView& view) {
    const auto& unreadable = view.log.unreadable();
    const bool chosen = !order.timeline.empty() && order.timeline != "latest";
    if (unreadable.empty() || chosen || order.target.kind == Target::Kind::immediate) return;
    auto error = unreadable.front().error;
    throw error.during("looking for the way to the target")
        .hint(
            "Heal the object from another copy. What does not need it can be had: --backup ID, or along a --timeline that varve "
            "log list shows.");
}

void note_silence(const RestoreOrder& order, const ArchiveView& view, RestoreChoice& choice) {
    if (order.backup && choice.path.empty()) return;
    for (const auto& one : view.silent)
        choice.notes.push_back("Copy " + one.copy.text() + " did not answer: what only it holds was not considered.");
}

// ------------------------------------------------------------------------------------------------------------ damaged backups

/// The error of a damaged backup, with the way to an older one.
Error instead_of(const Error& damaged, const BackupId& older) {
    Error error{damaged.fault(), damaged.sentence()};
    if (!damaged.code_word().empty()) error.code(damaged.code_word(), damaged.exit_code());
    for (const auto& [key, value] : damaged.context()) error.with(key, value);
    const auto remedy = damaged.remedy().empty() ? std::string{} : damaged.remedy() + " ";
    return error.hint(remedy + "To restore an older state all the same, name its backup: --backup " + older.text() + ".");
}

/// Another backup that is damaged would have been the answer, or the way to what lies behind it: an older state must not pass for
/// it. Where the log goes on beyond it, the instant that is reached is the same from any base, and a note is enough.
void mind_damaged(const RestoreOrder& order, const ArchiveView& view, RestoreChoice& choice) {
    if (order.backup) return;
    const auto& base = view.backup(choice.base);
    for (const auto& damaged : view.damaged) {
        const bool newer = damaged.name.start > base.name.start;
        const bool too_new = order.target.time && damaged.name.start > *order.target.time;
        if (!newer || too_new) continue;
        const bool other_timeline = !order.timeline.empty() && order.timeline != "latest";
        if (!other_timeline && (choice.path.empty() || choice.reached < damaged.name.start))
            throw instead_of(damaged.error, choice.base);
        choice.notes.push_back("Backup " + damaged.name.id.text() +
                               " is damaged and was passed over: " + damaged.error.sentence());
    }
}

/// For a target that is one place in the log: it is the same from any base.
void note_damaged(const RestoreOrder& order, const ArchiveView& view, RestoreChoice& choice) {
    if (order.backup) return;
    for (const auto& damaged : view.damaged)
        if (damaged.name.start > view.backup(choice.base).name.start)
            choice.notes.push_back("Backup " + damaged.name.id.text() +
                                   " is damaged and was passed over: " + damaged.error.sentence());
}

/// The end of what can be had, where a refusal gives it as a time.
std::optional<Instant> nearest_before(const RestoreOrder& order, const Error& refusal) {
    const bool by_time = order.target.kind == Target::Kind::time || order.target.kind == Target::Kind::latest;
    const auto found = refusal.context().find("nearest_before");
    if (!by_time || found == refusal.context().end()) return std::nullopt;
    return from_rfc3339(found->second);
}

/// A refusal that a damaged backup may have brought about says so.
Error with_damage(const RestoreOrder& order, const ArchiveView& view, const Error& refusal) {
    if (order.backup) return refusal;
    const bool by_time = order.target.kind == Target::Kind::time || order.target.kind == Target::Kind::latest;
    const auto before = nearest_before(order, refusal);
    for (const auto& damaged : view.damaged) {
        if (order.target.time && damaged.name.start > *order.target.time) continue;
        if (before && damaged.name.start <= *before) continue;
        const auto name = "backup " + damaged.name.id.text();
        auto told = by_time
                        ? Error{Fault::corrupt, name + " may lead there and is damaged: " + damaged.error.sentence() +
                                                    "; without it, " + refusal.sentence()}
                        : Error{refusal.fault(), refusal.sentence() + "; " + name + ", which may lead there, is damaged"}.code(
                              refusal.code_word(), refusal.exit_code());
        for (const auto& [key, value] : refusal.context()) told.with(key, value);
        if (!refusal.remedy().empty()) told.hint(refusal.remedy());
        return told;
    }
    return refusal;
}

/// A refusal, in the light of what is silent or damaged.
Error explained(const RestoreOrder& order, const ArchiveView& view, const Error& refusal) {
    if (!not_recoverable(refusal) && refusal.code_word() != "backup_not_found") return refusal;
    if (!view.silent.empty()) return silent(view.silent.front(), "; without it, " + refusal.sentence());
    return with_damage(order, view, refusal);
}

/// As if the source had no log.
ArchiveView without_log(ArchiveView view) {
    view.log = {};
    view.content.log.clear();
    view.content.lineages.clear();
    for (auto& backup : view.content.backups) backup.start = backup.stop = std::nullopt;
    return view;
}

// ---------------------------------------------------------------------------------------------------------------- the search

/// Times and positions that policy understands by itself; the others only the driver can find in the log.
std::optional<ChoiceTarget> choice_of(const RestoreOrder& order) {
    ChoiceTarget choice;
    choice.backup = order.backup;
    switch (order.target.kind) {
        case Target::Kind::latest:
            choice.kind = ChoiceTarget::Kind::latest;
            return choice;
        case Target::Kind::immediate:
            choice.kind = ChoiceTarget::Kind::immediate;
            return choice;
        case Target::Kind::time:
            choice.kind = ChoiceTarget::Kind::time;
            choice.time = order.target.time;
            return choice;
        default:
            return std::nullopt;
    }
}

/// One base and its path, and what the driver makes of the target there.
Task<Resolution> resolve_on(JobContext& context, Source& source, const RestoreOrder& order, const ArchiveView& view,
                            RestoreChoice choice) {
    Resolution found;
    found.base = co_await context.repository.manifest(source.setup.name, view.backup(choice.base).name);
    require_content(found.base);
    found.facts = facts_of(found.base);
    std::unique_ptr<LogSource> log;
    if (!choice.path.empty()) log = make_log_source(context.repository, source.setup.name, view.log, choice.path);
    found.target = co_await source.driver->resolve(order.target, found.facts, log.get());
    found.choice = std::move(choice);
    co_return found;
}

/// What several bases, the newest first, said about a target that none of them reaches.
class Refusals {
public:
    void add(const Error& error) {
        if (!first_) first_ = error;
        const auto& context = error.context();
        // An older base ends earlier and begins earlier: the first end and the last beginning are the nearest.
        if (const auto found = context.find("nearest_before"); found != context.end() && before_.empty()) before_ = found->second;
        if (const auto found = context.find("nearest_after"); found != context.end()) after_ = found->second;
    }
    [[noreturn]] void raise(const Source& source, Target::Kind kind) const {
        if (!first_)
            throw Error{Fault::missing, "there is no backup of " + source.setup.name.text()}
                .code("point_not_recoverable", 22)
                .hint("Take one with: varve backup run " + source.setup.name.text());
        if (before_.empty() || after_.empty()) throw *first_;
        const std::string option = kind == Target::Kind::transaction ? "--txn "
                                   : kind == Target::Kind::gtid      ? "--gtid "
                                   : kind == Target::Kind::position  ? "--position "
                                                                     : "--lsn ";
        throw Error{first_->fault(), first_->sentence()}
            .code(first_->code_word(), first_->exit_code())
            .with("nearest_before", before_)
            .with("nearest_after", after_)
            .hint("The nearest that can be had: " + option + before_ + " or " + option + after_ + ".");
    }

private:
    std::optional<Error> first_;
    std::string before_, after_;
};

/// A name, transaction or position may lie after any base: the newest base from which it is reached is the cheapest.
Task<Resolution> resolve_newest(JobContext& context, Source& source, const RestoreOrder& order, const ArchiveView& view,
                                std::optional<LineageName> named) {
    std::vector<std::optional<LineageName>> lineages{named};
    if (!named && !order.backup && has_log(view)) {
        const auto ruling = ruling_lineages(view.content);
        lineages.assign(ruling.begin(), ruling.end());
    }
    Refusals refusals;
    for (const auto& lineage : lineages) {
        for (const auto& backup : view.backups) {
            if (order.backup && backup.name.id != *order.backup) continue;
            try {
                const ChoiceTarget way{.kind = ChoiceTarget::Kind::furthest,
                                       .time = {},
                                       .position = 0,
                                       .backup = backup.name.id,
                                       .lineage = lineage};
                auto choice = choose_restore(view.content, way, context.clock.now());
                note_damaged(order, view, choice);
                co_return co_await resolve_on(context, source, order, view, std::move(choice));
            } catch (const Error& error) {
                if (!not_recoverable(error)) throw;
                refusals.add(error);
            }
        }
    }
    refusals.raise(source, order.target.kind);
}

Task<Resolution> search(JobContext& context, Source& source, const RestoreOrder& order, const ArchiveView& view) {
    std::optional<LineageName> lineage;
    if (!order.timeline.empty() && order.timeline != "latest") {
        lineage = find_lineage(view.content, order.timeline);
        if (!lineage)
            throw Error{Fault::missing, "the archive has no timeline " + order.timeline}
                .code("point_not_recoverable", 22)
                .hint("varve log list " + source.setup.name.text() + " shows the ones that there are.");
    }
    auto choice = choice_of(order);
    if (!choice) co_return co_await resolve_newest(context, source, order, view, lineage);
    choice->lineage = lineage;
    auto chosen = choose_restore(view.content, *choice, context.clock.now());
    mind_damaged(order, view, chosen);
    co_return co_await resolve_on(context, source, order, view, std::move(chosen));
}

}  // namespace

void require_content(const Repository::Manifest& manifest) {
    if (manifest.content) return;
    throw Error{Fault::denied, "the keys held here open the structure of backups, not their content"}
        .code("wrong_key", 12)
        .hint("Restore where the restore key or the recovery kit is, or name it with keys = \"file:…\".");
}

Task<Resolution> resolve(JobContext& context, Source& source, const RestoreOrder& order, const ArchiveView& view) {
    if (order.backup) view.require_whole(*order.backup);
    require_answers(order, view);
    require_readable_log(order, view);
    if (view.backups.empty() && !view.damaged.empty()) throw view.damaged.front().error;
    try {
        auto found = co_await search(context, source, order, view);
        note_silence(order, view, found.choice);
        co_return found;
    } catch (const Error& error) {
        throw explained(order, view, error);
    }
}

RestoreChoice choose_backup(const JobContext& context, const RestoreOrder& order, const ArchiveView& whole) {
    const auto view = without_log(whole);
    if (order.backup) view.require_whole(*order.backup);
    require_answers(order, view);
    if (view.backups.empty() && !view.damaged.empty()) throw view.damaged.front().error;
    const auto target = choice_of(order);
    if (!target) throw Error{Fault::defect, "a backup is chosen by its id or by a time"};
    try {
        auto choice = choose_restore(view.content, *target, context.clock.now());
        mind_damaged(order, view, choice);
        note_silence(order, view, choice);
        return choice;
    } catch (const Error& error) {
        throw explained(order, view, error);
    }
}

}  // namespace varve

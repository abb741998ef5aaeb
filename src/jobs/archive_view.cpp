#include "jobs/archive_view.hpp"

#include <algorithm>

#include "varve/log.hpp"

namespace varve {

namespace {

ArchivedBackup backup_of(const ArchiveView::Backup& backup) {
    const auto& structure = backup.structure;
    ArchivedBackup archived{.id = backup.name.id,
                            .start = {},
                            .stop = {},
                            .log_end = 0,
                            .stop_time = from_format(structure.stop_time()),
                            .expires = from_format(structure.expires()),
                            .partial = structure.partial()};
    if (structure.has_lineage()) {
        const LineageName lineage{structure.lineage().name()};
        archived.start = LogPosition{lineage, structure.start_position(), structure.start_position_text()};
        archived.stop = LogPosition{lineage, structure.stop_position(), structure.stop_position_text()};
        archived.log_end = structure.log_end_position();
    }
    return archived;
}

void add_lineage(std::vector<Lineage>& lineages, Lineage lineage) {
    const bool known = std::ranges::any_of(lineages, [&](const Lineage& one) { return one.name == lineage.name; });
    if (!known) lineages.push_back(std::move(lineage));
}

ArchiveContent content_of(const ArchiveView& view, std::optional<Instant> known_through) {
    ArchiveContent content;
    for (const auto& backup : view.backups) {
        content.backups.push_back(backup_of(backup));
        if (backup.structure.has_lineage()) add_lineage(content.lineages, from_format(backup.structure.lineage()));
    }
    const auto tip = view.log.tip();
    for (const auto& lineage : view.log.lineages()) {
        add_lineage(content.lineages, lineage.lineage);
        for (const auto& stretch : lineage.stretches) {
            ArchivedLog log{.lineage = lineage.lineage.name,
                            .from = stretch.from,
                            .to = stretch.to,
                            .last_commit = stretch.last_commit,
                            .known_through = {},
                            .stored_at = stretch.stored_at};
            if (lineage.newest.at == stretch.to) {
                // Keys tell whole seconds; of the newest object more is known.
                if (lineage.last_commit) log.last_commit = lineage.last_commit;
                log.known_through = lineage.known_through;
                if (tip && tip->lineage.name == log.lineage) log.known_through = std::max(log.known_through, known_through);
            }
            content.log.push_back(std::move(log));
        }
    }
    return content;
}

std::vector<ArchiveView::Silent> silent_of(Copies& copies, const std::vector<RepositoryName>& at_backups,
                                           const std::vector<RepositoryName>& at_log) {
    std::vector<ArchiveView::Silent> silent;
    const auto answered = [&](const Copy& copy) {
        return std::ranges::find(at_backups, copy.name) == at_backups.end() &&
               std::ranges::find(at_log, copy.name) == at_log.end();
    };
    for (const bool required : {true, false})
        for (const auto& copy : copies.all())
            if (copy.required == required && !answered(copy)) silent.push_back({.copy = copy.name, .required = required});
    return silent;
}

}  // namespace

const ArchiveView::Backup& ArchiveView::backup(const BackupId& id) const {
    const auto found = std::ranges::find_if(backups, [&](const Backup& backup) { return backup.name.id == id; });
    if (found != backups.end()) return *found;
    require_whole(id);
    throw Error{Fault::missing, "there is no backup " + id.text()}
        .code("backup_not_found", 1)
        .hint("varve backup list shows the ones that there are.");
}

void ArchiveView::require_whole(const BackupId& id) const {
    const auto found = std::ranges::find_if(damaged, [&](const Damaged& one) { return one.name.id == id; });
    if (found != damaged.end()) throw found->error;
}

namespace {

/// A collector may remove a backup between the list and the reading. One that is listed and still missing is an error.
Task<> require_removed(JobContext& context, SourceName source, std::vector<std::pair<ObjectKey, Error>> missing) {
    if (missing.empty()) co_return;
    const auto again = co_await context.repository.list_backups(source);
    for (const auto& [key, error] : missing)
        if (std::ranges::find(again.backups, key, &BackupName::key) != again.backups.end()) throw error;
}

}  // namespace

Task<ArchiveView> read_archive(JobContext& context, const Source& archived, std::optional<Instant> known_through) {
    const auto& source = archived.setup.name;
    ArchiveView view;
    const auto listing = co_await context.repository.list_backups(source);
    std::vector<std::pair<ObjectKey, Error>> missing;
    for (const auto& name : listing.backups) {
        try {
            auto manifest = co_await context.repository.manifest(source, name);
            view.backups.push_back({.name = std::move(manifest.name), .structure = std::move(manifest.structure)});
        } catch (const Error& error) {
            if (error.fault() == Fault::missing) {
                missing.emplace_back(name.key, error);
                continue;
            }
            if (error.fault() != Fault::corrupt) throw;
            log_failure(LogLevel::error, source.text(), error);
            view.damaged.push_back({.name = name, .error = error});
        }
    }
    co_await require_removed(context, source, std::move(missing));
    view.log = co_await LogCatalog::read(context.repository, source);
    view.silent = silent_of(context.repository.copies(), listing.unanswered, view.log.unanswered());
    view.content = content_of(view, known_through);
    view.content.print_position = [driver = archived.driver.get()](std::uint64_t at) { return driver->print_position(at); };
    co_return view;
}

}  // namespace varve

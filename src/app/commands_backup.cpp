#include <algorithm>

#include "app/commands.hpp"
#include "jobs/backup_job.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

cli::BackupRow row_of(const SourceName& source, const BackupName& name, const format::ManifestStructure& structure) {
    cli::BackupRow row;
    row.id = name.id;
    row.source = source;
    row.start_time = from_format(structure.start_time());
    row.stop_time = from_format(structure.stop_time());
    row.kept_until = from_format(structure.expires());
    row.tiers = structure.tiers();
    if (structure.partial()) row.state = "partial";
    row.bytes_source = structure.bytes_source();
    row.bytes_stored = structure.bytes_stored();
    row.copies = name.copies;
    return row;
}

/// A manifest that cannot be read is shown as damaged: it must not vanish from a list.
Task<cli::BackupRow> read_row(App& app, SourceName source, BackupName name) {
    try {
        const auto manifest = co_await app.jobs().repository.manifest(source, name);
        co_return row_of(source, name, manifest.structure);
    } catch (const Error& error) {
        if (error.fault() != Fault::corrupt) throw;
    }
    cli::BackupRow row;
    row.id = name.id;
    row.source = source;
    row.start_time = name.start;
    row.tiers = name.tiers;
    row.state = "damaged";
    row.copies = name.copies;
    co_return row;
}

std::vector<SourceName> names_of(App& app, const std::optional<SourceName>& one) {
    std::vector<SourceName> names;
    for (const auto& source : app.config().sources)
        if (!one || source.name == *one) names.push_back(source.name);
    if (one && names.empty()) names.push_back(app.config().source(*one).name);  // says which sources there are
    return names;
}

}  // namespace

cli::BackupMade made_of(const SourceName& source, const BackupReport& report) {
    cli::BackupMade made;
    made.id = report.committed.name.id;
    made.source = source;
    made.start_time = report.birth.start;
    made.stop_time = report.facts.stop_time;
    made.files = report.totals.files;
    made.bytes_source = report.totals.bytes_source;
    made.bytes_read = report.totals.bytes_read;
    made.bytes_stored = report.totals.bytes_stored;
    made.chunks_new = report.totals.chunks_new;
    made.chunks_reused = report.totals.chunks_reused;
    made.duration = report.duration;
    made.copies = report.committed.copies;
    made.left_out = report.committed.left_out;
    made.partial = report.partial;
    made.findings = report.facts.findings;
    return made;
}

Task<cli::BackupRunResult> run_backups(App& app, cli::BackupRunRequest request, ReportProgress report) {
    cli::BackupRunResult result;
    for (const auto& name : request.sources) {
        const BackupOptions options{.read_everything = request.full, .report = report};
        const auto made = co_await run_backup(app.jobs(), app.source(name), options);
        result.backups.push_back(made_of(name, made));
    }
    co_return result;
}

Task<cli::BackupListResult> list_backups(App& app, cli::BackupListRequest request) {
    cli::BackupListResult result;
    for (const auto& source : names_of(app, request.source))
        for (const auto& name : co_await app.jobs().repository.backups(source))
            result.backups.push_back(co_await read_row(app, source, name));
    std::ranges::sort(result.backups, std::ranges::greater{}, &cli::BackupRow::start_time);
    co_return result;
}

Task<cli::BackupShowResult> show_backup(App& app, cli::BackupShowRequest request) {
    for (const auto& source : names_of(app, {})) {
        for (const auto& name : co_await app.jobs().repository.backups(source)) {
            if (name.id != request.id) continue;
            const auto manifest = co_await app.jobs().repository.manifest(source, name);
            const auto& structure = manifest.structure;
            cli::BackupShowResult shown;
            shown.backup = row_of(source, name, structure);
            shown.driver = structure.driver();
            shown.host = structure.host();
            shown.tool_version = structure.tool_version();
            shown.identity = structure.identity();
            shown.files = structure.files();
            shown.bytes_read = structure.bytes_read();
            shown.chunks_new = structure.chunks_new();
            shown.chunks_reused = structure.chunks_reused();
            shown.packs = static_cast<std::uint64_t>(structure.packs_size());
            shown.committed = from_format(structure.committed());
            shown.lineage = LineageName{structure.lineage().name()};
            shown.start_position = structure.start_position_text();
            shown.stop_position = structure.stop_position_text();
            const auto facts = facts_of(manifest);
            if (manifest.content) shown.facts = facts.facts;
            shown.findings = facts.findings;
            co_return shown;
        }
    }
    throw Error{Fault::missing, "there is no backup " + request.id.text()}
        .code("backup_not_found", 1)
        .hint("varve backup list shows the ones that there are.");
}

}  // namespace varve

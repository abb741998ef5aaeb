#include <unistd.h>

#include "app/commands.hpp"
#include "jobs/browse_job.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

/// Where the rows of a list, or content, go at once. A reader may be slow: blocking pool.
Task<> print(App& app, Bytes bytes) {
    if (bytes.empty()) co_return;
    auto write = [bytes = std::move(bytes)] { write_all(STDOUT_FILENO, bytes, "standard output"); };
    co_await on_pool(app.runtime().pools().blocking, std::move(write));
}

Task<> print(App& app, cli::Listing& listing) {
    const auto text = listing.take();
    co_await print(app, to_bytes(view_of(text)));
}

BackupWanted wanted_of(const cli::BackupChoice& choice) { return {.backup = choice.backup, .time = choice.time}; }

cli::BackupSeen seen_of(const OpenedBackup& backup) {
    return {.id = backup.manifest.name.id, .stop_time = from_format(backup.manifest.structure.stop_time())};
}

Task<OpenedBackup> opened(App& app, SourceName name, const cli::BackupChoice& choice) {
    auto& source = app.source(name);
    const auto view = co_await read_archive(app.jobs(), source);
    co_return co_await open_backup(app.jobs(), source, view, wanted_of(choice));
}

/// `folder` as lists have it: names are shown without it.
cli::EntryRow row_of(Listed listed, const std::string& folder) {
    cli::EntryRow row{.entry = std::move(listed.entry), .recorded = listed.recorded, .name = {}};
    row.name = row.entry.path.substr(folder.empty() ? 0 : folder.size() + 1);
    return row;
}

Take<Listed> printed_below(App& app, cli::Listing& listing, std::string folder) {
    return [&app, &listing, folder = std::move(folder)](std::vector<Listed> some) -> Task<> {
        for (auto& listed : some) listing.add(row_of(std::move(listed), folder));
        co_await print(app, listing);
    };
}

cli::FoundRow row_of(const std::string& path, std::vector<FileVersion> versions) {
    cli::FoundRow row{.path = path, .versions = {}};
    for (auto& version : versions)
        row.versions.push_back({.entry = std::move(version.entry), .backups = std::move(version.backups)});
    return row;
}

Task<std::optional<Error>> find_in_all(App& app, const cli::FindFilesRequest& request, cli::Listing& listing) {
    auto& source = app.source(request.source);
    const auto view = co_await read_archive(app.jobs(), source);
    auto found = co_await find_versions(app.jobs(), source, view, Patterns{request.patterns});
    listing.begin({.source = request.source,
                   .backup = {},
                   .before = {},
                   .after = {},
                   .searched = found.backups,
                   .notes = std::move(found.notes)});
    for (auto& [path, versions] : found.files) {
        listing.add(row_of(path, std::move(versions)));
        co_await print(app, listing);
    }
    if (found.damaged.empty()) co_return std::nullopt;
    const auto& damaged = found.damaged.front();
    auto error = damaged.error;
    co_return std::move(error.during("backup " + damaged.name.id.text() + " was not searched"));
}

}  // namespace

Task<std::optional<Error>> list_files(App& app, cli::ListFilesRequest request, cli::Listing& listing) {
    const auto& source = app.source(request.source);
    const auto backup = co_await opened(app, request.source, request.choice);
    const auto path = list_path(request.path);
    auto found = co_await find_path(app.jobs(), source, backup, path);
    listing.begin(
        {.source = request.source, .backup = seen_of(backup), .before = {}, .after = {}, .searched = {}, .notes = backup.notes});
    if (found.entry.kind == EntryKind::directory) {
        const auto depth = request.recursive ? FolderWalk::Depth::below : FolderWalk::Depth::here;
        co_await each_in_folder(app.jobs(), backup, path, depth, printed_below(app, listing, path));
    } else {
        listing.add(row_of(std::move(found), {}));
    }
    co_return std::nullopt;
}

Task<std::optional<Error>> find_files(App& app, cli::FindFilesRequest request, cli::Listing& listing) {
    if (request.all) co_return co_await find_in_all(app, request, listing);
    const auto backup = co_await opened(app, request.source, request.choice);
    listing.begin(
        {.source = request.source, .backup = seen_of(backup), .before = {}, .after = {}, .searched = {}, .notes = backup.notes});
    co_await each_match(app.jobs(), backup, Patterns{request.patterns}, printed_below(app, listing, {}));
    co_return std::nullopt;
}

Task<std::optional<Error>> diff_files(App& app, cli::DiffFilesRequest request, cli::Listing& listing) {
    const auto before = co_await opened(app, request.source, request.before);
    const auto after = co_await opened(app, request.source, request.after);
    auto notes = before.notes;
    notes.insert(notes.end(), after.notes.begin(), after.notes.end());
    listing.begin({.source = request.source,
                   .backup = {},
                   .before = seen_of(before),
                   .after = seen_of(after),
                   .searched = {},
                   .notes = std::move(notes)});
    auto take = [&app, &listing](std::vector<ListDifference> some) -> Task<> {
        for (auto& one : some)
            listing.add(cli::DifferenceRow{
                .before = std::move(one.before), .after = std::move(one.after), .changes = std::move(one.changes)});
        co_await print(app, listing);
    };
    co_await each_difference(app.jobs(), before, after, take);
    co_return std::nullopt;
}

Task<> print_files(App& app, cli::CatFilesRequest request) {
    const auto& source = app.source(request.source);
    const auto backup = co_await opened(app, request.source, request.choice);
    std::vector<Entry> files;  // all of them are there before the first byte is printed
    for (const auto& path : request.paths) files.push_back(co_await find_content(app.jobs(), source, backup, list_path(path)));
    for (const auto& file : files) {
        const auto content = backup.recall->open(file);
        for (auto block = co_await content->read(); !block.empty(); block = co_await content->read())
            co_await print(app, std::move(block));
    }
}

}  // namespace varve

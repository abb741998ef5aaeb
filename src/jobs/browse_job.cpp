#include "jobs/browse_job.hpp"

#include <algorithm>

#include "base/did_you_mean.hpp"
#include "jobs/restore_job.hpp"
#include "jobs/restore_resolve.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

constexpr std::size_t entries_at_once = 256;
constexpr std::size_t versions_max = 1'000'000;

RestoreOrder order_of(const BackupWanted& wanted) {
    RestoreOrder order;
    order.backup = wanted.backup;
    order.target.time = wanted.time;
    if (wanted.backup) order.target.kind = Target::Kind::immediate;
    if (wanted.time) order.target.kind = Target::Kind::time;
    return order;
}

Task<OpenedBackup> open_chosen(JobContext& context, const Source& source, BackupName name) {
    OpenedBackup opened;
    opened.manifest = co_await context.repository.manifest(source.setup.name, std::move(name));
    require_content(opened.manifest);
    opened.origin = std::make_unique<RepositoryPackOrigin>(context.repository, source.setup.name);
    opened.recall = recall_of(context, source, *opened.origin, opened.manifest);
    opened.list = co_await opened.recall->list();
    co_return opened;
}

// ------------------------------------------------------------------------------------------------------------------- paths

struct Split {
    std::string folder, name;
};
Split split(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return {.folder = {}, .name = path};
    return {.folder = path.substr(0, slash), .name = path.substr(slash + 1)};
}

std::string joined(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + "/" + name; }

/// The end of `path` that is there: somebody gave the path that the file has on its host.
std::optional<std::string> find_end_of(const RecallList& list, const std::string& path) {
    for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
        if (auto end = path.substr(slash + 1); find_listed(list, end)) return end;
    return std::nullopt;
}

/// The neighbour whose name is most like the first one that is not there.
std::optional<std::string> find_alike(const std::shared_ptr<const RecallList>& list, const std::string& folder,
                                      const std::string& name) {
    constexpr std::size_t names_max = 10'000;
    std::vector<std::string> names;
    FolderWalk walk{list, folder, FolderWalk::Depth::here};
    for (const auto& listed : walk.next(names_max)) names.push_back(split(listed.entry.path).name);
    const auto meant = did_you_mean(name, names);
    return meant ? std::optional{joined(folder, *meant)} : std::nullopt;
}

Error not_there(const std::shared_ptr<const RecallList>& list, const Source& source, const OpenedBackup& backup,
                const std::string& path) {
    auto place = split(path);
    while (!find_listed(*list, place.folder)) place = split(place.folder);
    auto meant = find_end_of(*list, path);
    if (!meant) meant = find_alike(list, place.folder, place.name);
    const auto look = "varve ls " + source.setup.name.text() + (place.folder.empty() ? "" : " " + place.folder);
    return Error{Fault::missing, "backup " + backup.manifest.name.id.text() + " has no " + path}
        .code("path_not_found", 1)
        .with("path", path)
        .hint((meant ? "Did you mean " + *meant + "? " : std::string{}) + look + " shows what is there.");
}

Error no_content(const Source& source, const std::string& path, std::string sentence) {
    return Error{Fault::invalid, std::move(sentence)}
        .code("no_content", 1)
        .with("path", path)
        .hint("varve ls " + source.setup.name.text() + (path.empty() ? "" : " " + path) + " shows what is there.");
}

// ---------------------------------------------------------------------------------------------------------------- versions

bool same_version(const Entry& one, const Entry& other) {
    return one.kind == other.kind && one.size == other.size && one.mtime_ns == other.mtime_ns &&
           one.link_target == other.link_target;
}

/// Adds what one backup has. Backups come newest first.
Task<> add_versions(JobContext& context, const OpenedBackup& backup, const Patterns& patterns, FoundVersions& found,
                    std::size_t& count) {
    auto take = [&](std::vector<Listed> some) -> Task<> {
        for (auto& listed : some) {
            auto& versions = found.files[listed.entry.path];
            const auto known = std::ranges::find_if(
                versions, [&](const FileVersion& version) { return same_version(version.entry, listed.entry); });
            if (known != versions.end()) {
                known->backups.push_back(backup.manifest.name.id);
                continue;
            }
            if (++count > versions_max)
                throw Error{Fault::refused, "more than a million versions match"}.hint(
                    "Give a narrower pattern, or look into one backup with --backup ID.");
            versions.push_back({.entry = std::move(listed.entry), .backups = {backup.manifest.name.id}});
        }
        co_return;
    };
    co_await each_match(context, backup, patterns, take);
}

}  // namespace

Task<OpenedBackup> open_backup(JobContext& context, Source& source, const ArchiveView& view, BackupWanted wanted) {
    auto choice = choose_backup(context, order_of(wanted), view);
    auto opened = co_await open_chosen(context, source, view.backup(choice.base).name);
    opened.notes = std::move(choice.notes);
    co_return opened;
}

std::string list_path(const std::string& typed) {
    std::string path;
    for (std::size_t begin = 0; begin <= typed.size();) {
        const auto slash = std::min(typed.find('/', begin), typed.size());
        const auto part = typed.substr(begin, slash - begin);
        if (!part.empty() && part != ".") path = joined(path, part);
        begin = slash + 1;
    }
    return path;
}

Task<Listed> find_path(JobContext& context, const Source& source, const OpenedBackup& backup, std::string path) {
    auto look = [&source, &backup, &path] {
        if (auto found = find_listed(*backup.list, path)) return std::move(*found);
        throw not_there(backup.list, source, backup, path);
    };
    co_return co_await on_pool(context.pools.cpu, look);
}

Task<> each_in_folder(JobContext& context, const OpenedBackup& backup, std::string folder, FolderWalk::Depth depth,
                      Take<Listed> take) {
    const auto walk = std::make_shared<FolderWalk>(backup.list, folder, depth);
    for (;;) {
        auto some = co_await on_pool(context.pools.cpu, [walk] { return walk->next(entries_at_once); });
        if (some.empty()) co_return;
        co_await take(std::move(some));
    }
}

Task<> each_match(JobContext& context, const OpenedBackup& backup, Patterns patterns, Take<Listed> take) {
    const auto walk = std::make_shared<FolderWalk>(backup.list, std::string{}, FolderWalk::Depth::below);
    for (bool more = true; more;) {
        auto look = [walk, &patterns, &more] {
            auto some = walk->next(entries_at_once);
            more = !some.empty();
            std::erase_if(some, [&](const Listed& listed) {
                return !patterns.match(listed.entry.path, listed.entry.kind == EntryKind::directory);
            });
            return some;
        };
        auto some = co_await on_pool(context.pools.cpu, look);
        if (!some.empty()) co_await take(std::move(some));
    }
}

Task<> each_difference(JobContext& context, const OpenedBackup& before, const OpenedBackup& after, Take<ListDifference> take) {
    const bool same_ids = before.manifest.content->id_key() == after.manifest.content->id_key();
    const auto comparison = std::make_shared<ListComparison>(before.list, after.list, same_ids);
    while (!comparison->done()) {
        auto some = co_await on_pool(context.pools.cpu, [comparison] { return comparison->next(); });
        if (!some.empty()) co_await take(std::move(some));
    }
}

Task<FoundVersions> find_versions(JobContext& context, Source& source, const ArchiveView& view, Patterns patterns) {
    FoundVersions found;
    found.damaged = view.damaged;
    for (const auto& one : view.silent)
        found.notes.push_back("Copy " + one.copy.text() + " did not answer: what only it holds was not searched.");
    std::size_t count = 0;
    for (const auto& backup : view.backups) {
        std::optional<Error> damage;
        try {
            const auto opened = co_await open_chosen(context, source, backup.name);
            co_await add_versions(context, opened, patterns, found, count);
            ++found.backups;
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt && error.fault() != Fault::missing) throw;
            damage = error;
        }
        if (damage) found.damaged.push_back({.name = backup.name, .error = *damage});
    }
    co_return found;
}

Task<Entry> find_content(JobContext& context, const Source& source, const OpenedBackup& backup, std::string path) {
    auto listed = co_await find_path(context, source, backup, path);
    auto& entry = listed.entry;
    switch (entry.kind) {
        case EntryKind::file:
            co_return std::move(entry);
        case EntryKind::hardlink:
            listed = co_await find_path(context, source, backup, entry.link_target);
            co_return std::move(listed.entry);
        case EntryKind::directory:
            throw no_content(source, path, path.empty() ? "the top is a folder" : path + " is a folder");
        case EntryKind::symlink:
            throw no_content(source, path, path + " is a symbolic link to " + entry.link_target + ", and links are not followed");
        default:
            throw no_content(source, path, path + " is no regular file");
    }
}

}  // namespace varve

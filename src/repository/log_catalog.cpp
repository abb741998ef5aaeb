#include "repository/log_catalog.hpp"

#include <algorithm>
#include <ranges>

#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// Objects in order of `from` become stretches: one that begins at or before the end so far goes on with it.
std::vector<LogStretch> stretches_of(std::vector<LogName> objects) {
    std::ranges::sort(objects, [](const LogName& a, const LogName& b) {
        return std::tie(a.from, a.to, a.key) < std::tie(b.from, b.to, b.key);
    });
    std::vector<LogStretch> stretches;
    for (auto& object : objects) {
        if (stretches.empty() || object.from > stretches.back().to)
            stretches.push_back({.from = object.from,
                                 .to = object.from,
                                 .last_commit = object.last_commit,
                                 .stored_at = object.stored_at,
                                 .objects = {}});
        auto& stretch = stretches.back();
        stretch.to = std::max(stretch.to, object.to);
        stretch.last_commit = std::max(stretch.last_commit, object.last_commit);
        stretch.stored_at = std::max(stretch.stored_at, object.stored_at);
        stretch.objects.push_back(std::move(object));
    }
    return stretches;
}

/// The structure of the newest object that can be read: a damaged one hides neither the lineage nor the others.
Task<format::LogStructure> readable_structure(Repository& repository, SourceName source, std::vector<LogName> objects) {
    std::optional<Error> last;
    for (const auto& object : objects | std::views::reverse) {
        try {
            co_return (co_await repository.log_object(source, object, Repository::LogPart::structure)).structure;
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt) throw;
            log_failure(LogLevel::error, source.text(), error);
            last = error;
        }
    }
    throw *last;
}

/// Where the required copy ends that is furthest behind. A copy that has nothing of this lineage does not count: it is new.
std::uint64_t end_everywhere(Repository& repository, const std::vector<LogName>& objects) {
    std::map<RepositoryName, std::uint64_t> ends;
    for (const auto& object : objects)
        for (const auto& copy : object.copies) ends[copy] = std::max(ends[copy], object.to);
    std::uint64_t end = UINT64_MAX;
    for (const auto& copy : repository.copies().all())
        if (copy.required && ends.contains(copy.name)) end = std::min(end, ends[copy.name]);
    return end;
}

/// `end` as the engine prints it, from an object that ends there.
Task<LogPosition> position_at(Repository& repository, SourceName source, std::vector<LogName> objects, std::uint64_t end,
                              LogPosition newest) {
    if (end >= newest.at) co_return newest;
    std::erase_if(objects, [&](const LogName& object) { return object.to != end; });
    const auto structure = co_await readable_structure(repository, std::move(source), std::move(objects));
    co_return LogPosition{.lineage = newest.lineage, .at = end, .text = structure.to_text()};
}

}  // namespace

Task<LogCatalog> LogCatalog::read(Repository& repository, SourceName source) {
    auto listing = co_await repository.list_logs(source, Copies::Answers::any);
    std::map<std::string, std::vector<LogName>> by_lineage;
    for (auto& object : listing.logs) by_lineage[object.lineage].push_back(std::move(object));
    LogCatalog catalog;
    catalog.unanswered_ = std::move(listing.unanswered);
    for (const auto& copy : repository.copies().all())
        if (copy.required && std::ranges::find(catalog.unanswered_, copy.name) != catalog.unanswered_.end())
            catalog.required_unanswered_ = copy.name;
    for (auto& [stored, objects] : by_lineage) {
        LineageLog lineage;
        lineage.stored = stored;
        const auto structure = co_await readable_structure(repository, source, objects);
        lineage.lineage = from_format(structure.lineage());
        lineage.newest = {.lineage = lineage.lineage.name, .at = structure.to(), .text = structure.to_text()};
        if (structure.last_commit() != 0) lineage.last_commit = from_format(structure.last_commit());
        if (structure.known_through() != 0) lineage.known_through = from_format(structure.known_through());
        const auto end = end_everywhere(repository, objects);
        lineage.everywhere = co_await position_at(repository, source, objects, end, lineage.newest);
        lineage.stretches = stretches_of(std::move(objects));
        catalog.lineages_.push_back(std::move(lineage));
    }
    co_return catalog;
}

const LineageLog* LogCatalog::find(const LineageName& name) const noexcept {
    const auto found = std::ranges::find_if(lineages_, [&](const LineageLog& log) { return log.lineage.name == name; });
    return found == lineages_.end() ? nullptr : &*found;
}

void LogCatalog::require_required() const {
    if (!required_unanswered_) return;
    throw Error{Fault::unreachable, "the required copy " + required_unanswered_->text() + " did not say what log it has"};
}

std::optional<LogCatalog::Tip> LogCatalog::tip() const {
    const LineageLog* newest = nullptr;
    for (const auto& log : lineages_)
        // A fork holds bytes that contradict the server's stream: nobody follows on from it.
        if (!log.lineage.facts.contains("forked_from") &&
            (newest == nullptr || log.stretches.back().stored_at > newest->stretches.back().stored_at))
            newest = &log;
    if (newest == nullptr) return std::nullopt;
    return tip_of(newest->lineage.name);
}

std::optional<LogCatalog::Tip> LogCatalog::tip_of(const LineageName& name) const {
    const auto* log = find(name);
    if (log == nullptr) return std::nullopt;
    return Tip{.lineage = log->lineage,
               .position = log->everywhere,
               .last_commit = log->last_commit,
               .stored_at = log->stretches.back().stored_at};
}

}  // namespace varve

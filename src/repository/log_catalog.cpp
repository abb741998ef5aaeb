#include "repository/log_catalog.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "repository/object_keys.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

/// Keys tell whole seconds, and the epoch when no commit is known.
std::optional<Instant> commit_of(const LogName& object) {
    return object.last_commit == Instant{} ? std::nullopt : std::optional{object.last_commit};
}

/// Objects in order of `from` become stretches: one that begins at or before the end so far goes on with it. An object without
/// a byte tells of its lineage and covers nothing.
std::vector<LogStretch> stretches_of(std::vector<LogName> objects) {
    std::ranges::sort(objects, [](const LogName& a, const LogName& b) {
        return std::tie(a.from, a.to, a.key) < std::tie(b.from, b.to, b.key);
    });
    std::vector<LogStretch> stretches;
    for (auto& object : objects) {
        if (object.from == object.to) continue;
        if (stretches.empty() || object.from > stretches.back().to)
            stretches.push_back({.from = object.from, .to = object.from, .stored_at = object.stored_at, .objects = {}});
        auto& stretch = stretches.back();
        stretch.to = std::max(stretch.to, object.to);
        stretch.last_commit = std::max(stretch.last_commit, commit_of(object));
        stretch.stored_at = std::max(stretch.stored_at, object.stored_at);
        stretch.objects.push_back(std::move(object));
    }
    return stretches;
}

/// Reads the log of one source's lineages out of a listing.
class CatalogReader {
public:
    CatalogReader(Repository& repository, SourceName source, const std::vector<LogName>& all)
        : repository_{repository}, source_{std::move(source)} {
        if (repository_.keys().archive) keys_.emplace(repository_.source_keys(source_));
        for (const auto& object : all) copies_with_log_.insert(object.copies.begin(), object.copies.end());
    }

    /// Fault::corrupt, of the newest object, when none can be read.
    Task<LineageLog> lineage(std::string stored, std::vector<LogName> objects) {
        std::ranges::sort(objects, std::greater{}, [](const LogName& name) { return std::tie(name.to, name.from, name.key); });
        const auto structure = co_await structure_of_first_readable(objects);
        LineageLog log;
        log.stored = std::move(stored);
        log.lineage = from_format(structure.lineage());
        log.newest = {.lineage = log.lineage.name, .at = structure.to(), .text = structure.to_text()};
        log.last_commit = commit_of(structure);
        if (structure.known_through() != 0) log.known_through = from_format(structure.known_through());
        co_await find_everywhere(log, objects);
        log.stored_at = structure.stored() != 0 ? from_format(structure.stored()) : objects.front().stored_at;
        log.stretches = stretches_of(std::move(objects));
        for (auto& stretch : log.stretches) stretch.stored_at = std::min(stretch.stored_at, log.stored_at);
        if (!log.stretches.empty()) log.stretches.back().stored_at = log.stored_at;
        co_return log;
    }

private:
    static std::optional<Instant> commit_of(const format::LogStructure& structure) {
        return structure.last_commit() == 0 ? std::nullopt : std::optional{from_format(structure.last_commit())};
    }

    Task<format::LogStructure> structure_of(LogName object) {
        const auto read = co_await repository_.log_object(source_, object, Repository::LogPart::structure);
        const LineageName lineage{read.structure.lineage().name()};
        if (keys_ && stored_name(*keys_, lineage) != object.lineage)
            throw Error{Fault::corrupt,
                        object.key.text() + " lies in the folder of another lineage than its own, " + lineage.text()};
        co_return read.structure;
    }

    /// A damaged object hides neither the lineage nor the others. A missing one is for the caller: collectors begin with the
    /// oldest.
    Task<format::LogStructure> structure_of_first_readable(const std::vector<LogName>& objects) {
        std::optional<Error> first;
        for (const auto& object : objects) {
            try {
                co_return co_await structure_of(object);
            } catch (const Error& error) {
                if (error.fault() != Fault::corrupt) throw;
                if (!first) log_failure(LogLevel::error, source_.text(), error);
                if (!first) first = error;
            }
        }
        throw *first;
    }

    /// Where the required copy ends that is furthest behind. One that has no log of this source at all does not count: it is
    /// new. One that has other log, and nothing of this lineage, lacks it from its first position on.
    std::uint64_t end_everywhere(const std::vector<LogName>& objects) const {
        const auto begin = std::ranges::min(objects, {}, &LogName::from).from;
        std::map<RepositoryName, std::uint64_t> ends;
        for (const auto& object : objects)
            for (const auto& copy : object.copies) ends[copy] = std::max(ends[copy], object.to);
        std::uint64_t end = UINT64_MAX;
        for (const auto& copy : repository_.copies().all()) {
            if (!copy.required || !copies_with_log_.contains(copy.name)) continue;
            const auto found = ends.find(copy.name);
            end = std::min(end, found == ends.end() ? begin : found->second);
        }
        return end;
    }

    Task<> find_everywhere(LineageLog& log, const std::vector<LogName>& objects) {
        log.everywhere = log.newest;
        log.last_everywhere = log.last_commit;
        const auto end = end_everywhere(objects);
        if (end >= log.newest.at) co_return;
        // As the engine prints it, from an object that ends or begins there; without a readable one the number will do.
        log.everywhere = {.lineage = log.lineage.name, .at = end, .text = std::to_string(end)};
        log.last_everywhere.reset();
        std::vector<LogName> there;
        std::ranges::copy_if(objects, std::back_inserter(there), [&](const LogName& one) { return one.to == end; });
        std::ranges::copy_if(objects, std::back_inserter(there), [&](const LogName& one) { return one.from == end; });
        if (there.empty()) co_return;
        try {
            const auto structure = co_await structure_of_first_readable(there);
            log.everywhere.text = structure.to() == end ? structure.to_text() : structure.from_text();
            if (structure.to() == end) log.last_everywhere = commit_of(structure);
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt) throw;  // told already
        }
    }

    Repository& repository_;
    SourceName source_;
    std::optional<SourceKeys> keys_;
    std::set<RepositoryName> copies_with_log_;
};

}  // namespace

Task<LogCatalog> LogCatalog::read(Repository& repository, SourceName source) {
    auto listing = co_await repository.list_logs(source, Copies::Answers::any);
    LogCatalog catalog;
    catalog.unanswered_ = std::move(listing.unanswered);
    for (const auto& copy : repository.copies().all())
        if (copy.required && std::ranges::find(catalog.unanswered_, copy.name) != catalog.unanswered_.end())
            catalog.required_unanswered_ = copy.name;
    CatalogReader reader{repository, source, listing.logs};
    std::map<std::string, std::vector<LogName>> by_lineage;
    for (auto& object : listing.logs) by_lineage[object.lineage].push_back(std::move(object));
    for (auto& [stored, objects] : by_lineage) {
        const auto count = objects.size();
        std::optional<Error> failure;
        try {
            catalog.lineages_.push_back(co_await reader.lineage(stored, std::move(objects)));
        } catch (const Error& error) {
            if (error.fault() != Fault::corrupt && error.fault() != Fault::missing) throw;
            failure = error;
        }
        if (!failure) continue;
        if (failure->fault() == Fault::corrupt)
            catalog.unreadable_.push_back({.stored = stored, .objects = count, .error = *failure});
        else if (!(co_await repository.newest_logs(source, stored, 0)).empty())
            throw *failure;  // else a collector removed all of it since it was listed
    }
    co_return catalog;
}

LogCatalog LogCatalog::of(std::vector<Frozen> lineages) {
    LogCatalog catalog;
    for (auto& frozen : lineages) {
        std::vector<LogName> objects;
        for (auto& key : frozen.objects) {
            const auto parts = find_log_key(key);
            if (!parts) throw Error{Fault::invalid, key.text() + " is no log object's name"};
            LogName object;
            object.key = std::move(key);
            object.lineage = parts->lineage;
            object.from = parts->from;
            object.to = parts->to;
            object.last_commit = parts->last_commit;
            objects.push_back(std::move(object));
        }
        LineageLog log;
        log.lineage = std::move(frozen.lineage);
        log.stretches = stretches_of(std::move(objects));
        catalog.lineages_.push_back(std::move(log));
    }
    return catalog;
}

const LineageLog* LogCatalog::find(const LineageName& name) const noexcept {
    const auto found = std::ranges::find_if(lineages_, [&](const LineageLog& log) { return log.lineage.name == name; });
    return found == lineages_.end() ? nullptr : &*found;
}

void LogCatalog::require_readable(const LineageName& name) const {
    if (unreadable_.empty() || find(name) != nullptr) return;
    throw Error{unreadable_.front().error}.during("looking for the log of " + name.text());
}

void LogCatalog::require_required() const {
    if (!required_unanswered_) return;
    throw Error{Fault::unreachable, "the required copy " + required_unanswered_->text() + " did not say what log it has"};
}

std::optional<LogCatalog::Tip> LogCatalog::tip() const {
    const auto written = [](const LineageLog& log) { return std::tie(log.stored_at, log.last_commit); };
    const LineageLog* newest = nullptr;
    for (const auto& log : lineages_) {
        // A fork holds bytes that contradict the server's stream: nobody follows on from it. Nor from a history without log.
        if (log.lineage.facts.contains("forked_from") || log.stretches.empty()) continue;
        if (newest == nullptr || written(log) > written(*newest)) newest = &log;
    }
    if (newest == nullptr) return std::nullopt;
    return tip_of(newest->lineage.name);
}

std::optional<LogCatalog::Tip> LogCatalog::tip_of(const LineageName& name) const {
    const auto* log = find(name);
    if (log == nullptr || log->stretches.empty()) return std::nullopt;
    return Tip{
        .lineage = log->lineage, .position = log->everywhere, .last_commit = log->last_everywhere, .stored_at = log->stored_at};
}

}  // namespace varve

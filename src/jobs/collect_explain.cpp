#include "jobs/collect_explain.hpp"

#include <algorithm>

#include "varve/error.hpp"

namespace varve {

namespace {

bool lists(const SourceSurvey& source, const std::string& key) {
    const auto is_it = [&](const auto& one) { return one.key == key; };
    return std::ranges::any_of(source.inventory.backups, is_it) || std::ranges::any_of(source.inventory.packs, is_it) ||
           std::ranges::find(source.inventory.logs, key) != source.inventory.logs.end();
}

/// The key of a backup that is listed, or that a collector removed.
std::string key_of(const CollectSurvey& survey, const std::string& text) {
    for (const auto& copy : survey.copies) {
        for (const auto& source : copy.sources)
            for (std::size_t i = 0; i < source.archive.backups.size(); ++i)
                if (source.archive.backups[i].id.text() == text) return source.inventory.backups[i].key;
        if (const auto gone = copy.history.find_key_of(BackupId{text})) return *gone;
    }
    return text;
}

std::string reason_in(const Repository::CollectRecord& record, const std::string& key) {
    for (const auto& source : record.structure.sources())
        for (const auto& object : source.objects())
            if (object.key() == key) return object.reason();
    return {};
}

ObjectExplained explain_in(const CopySurvey& copy, const std::string& key) {
    ObjectExplained told{.copy = copy.copy.name, .kept = {}, .stopped = {}, .history = {}};
    for (const auto* record : copy.history.naming(key))
        told.history.push_back({.kind = record->structure.kind(),
                                .time = record->time,
                                .host = record->structure.host(),
                                .by_admin = record->by_admin,
                                .reason = reason_in(*record, key)});
    const auto source = std::ranges::find_if(copy.sources, [&](const auto& one) { return lists(one, key); });
    if (source == copy.sources.end()) return told;
    told.kept = reasons_to_keep(source->archive, source->inventory, source->plan, copy.now, key);
    for (const auto& pause : source->plan.pauses) told.stopped.push_back(words_of(pause) + ", until " + remedy_of(pause) + ".");
    for (const auto& refusal : source->refused) told.stopped.push_back(refusal.reason + " " + refusal.remedy);
    const auto condemned = copy.history.condemned_at(key);
    if (told.kept.empty() && condemnation_counts(condemned, copy.now)) told.sweep_after = *condemned + condemned_waits;
    return told;
}

}  // namespace

Task<Explanation> explain_object(JobContext& context, std::vector<Source*> sources, std::string text) {
    const auto survey = co_await survey_collection(context, std::move(sources), Approval::none);
    Explanation told{.key = key_of(survey, text), .copies = {}};
    bool known = false;
    for (const auto& copy : survey.copies) {
        auto one = explain_in(copy, told.key);
        one.present = (co_await copy.copy.store->find(ObjectKey{told.key})).has_value();
        const bool judged = std::ranges::any_of(copy.sources, [&](const auto& source) { return lists(source, told.key); });
        if (one.present && !judged) one.kept.emplace_back("it is none that collection looks at");
        known = known || one.present || !one.history.empty();
        told.copies.push_back(std::move(one));
    }
    if (!known)
        throw Error{Fault::missing, "no repository holds " + text + ", and no collector has named it"}.hint(
            "Give an object's key, or the id of a backup as varve backup list prints it.");
    co_return told;
}

}  // namespace varve

#include "repository/collect_history.hpp"

#include <algorithm>

#include "repository/object_keys.hpp"

namespace varve {

namespace {

using Record = Repository::CollectRecord;

bool names(const Record& record, const std::string& key) {
    return std::ranges::any_of(record.structure.sources(), [&](const auto& source) {
        return std::ranges::any_of(source.objects(), [&](const auto& object) { return object.key() == key; });
    });
}

std::set<std::string> keys_in(const Record& record) {
    std::set<std::string> keys;
    for (const auto& source : record.structure.sources())
        for (const auto& object : source.objects()) keys.insert(object.key());
    return keys;
}

/// The later the longer, as seen from `now`.
bool longer(const KeepLength& a, const KeepLength& b, Instant now) {
    return expiry_of(now, "d", {.daily = a}, {}) > expiry_of(now, "d", {.daily = b}, {});
}

}  // namespace

Task<CollectHistory> CollectHistory::read(Repository& repository, Copy copy) {
    auto condemned = co_await repository.collect_records(copy, "condemned");
    auto sweeps = co_await repository.collect_records(copy, "sweep");
    auto swept = co_await repository.collect_records(copy, "swept");
    co_return CollectHistory{std::move(condemned), std::move(sweeps), std::move(swept)};
}

CollectHistory::CollectHistory(std::vector<Record> condemned, std::vector<Record> sweeps, std::vector<Record> swept)
    : swept_{std::move(swept)} {
    for (auto& record : condemned) add_condemned(std::move(record));
    for (auto& record : sweeps) add_sweep(std::move(record));
}

void CollectHistory::add_condemned(Record record) {
    for (const auto& source : record.structure.sources())
        for (const auto& object : source.objects()) {
            auto& at = condemned_at_.try_emplace(object.key(), record.time).first->second;
            at = std::max(at, record.time);
        }
    condemned_.push_back(std::move(record));
}

void CollectHistory::add_sweep(Record record) {
    sweeps_.push_back(std::move(record));
    index_sweep(sweeps_.size() - 1);
}

/// What a sweep names may be removed at any time from then on; only its own run can say that something was spared.
void CollectHistory::index_sweep(std::size_t number) {
    const auto& record = sweeps_[number];
    const auto end =
        std::ranges::find_if(swept_, [&](const Record& one) { return one.structure.run() == record.structure.run(); });
    const bool ended = end != swept_.end();
    const auto removed = ended ? keys_in(*end) : std::set<std::string>{};
    for (const auto& source : record.structure.sources())
        for (const auto& object : source.objects()) {
            if (!object.early()) due_.insert(object.key());
            if (ended && !removed.contains(object.key())) continue;
            const auto manifest = find_backup_key(ObjectKey{object.key()});
            gone_.insert(object.key());
            swept_by_[object.key()].push_back({.sweep = number, .ended = ended});
            if (!manifest) continue;
            gone_names_.insert(manifest->name);
            gone_ids_.insert(backup_id(manifest->start, manifest->name).text());
        }
}

std::optional<Instant> CollectHistory::condemned_at(const std::string& key) const {
    const auto found = condemned_at_.find(key);
    return found == condemned_at_.end() ? std::nullopt : std::optional{found->second};
}

std::set<BackupId> CollectHistory::known(const SourceName& source) const {
    std::set<BackupId> known;
    for (const auto* records : {&condemned_, &swept_})
        for (const auto& record : *records)
            for (const auto& said : record.structure.sources()) {
                if (said.source() != source.text()) continue;
                for (const auto& id : said.backups())
                    if (!gone_ids_.contains(id)) known.insert(BackupId{id});
            }
    return known;
}

std::optional<CollectHistory::LogAge> CollectHistory::log_age(const SourceName& source, Instant now) const {
    std::optional<LogAge> age;
    for (const auto& record : condemned_)
        for (const auto& said : record.structure.sources()) {
            if (said.source() != source.text()) continue;
            const LogAge one{.length = {.days = static_cast<int>(said.log_days()), .months = static_cast<int>(said.log_months())},
                             .window = said.window()};
            const bool more = age && (one.window != age->window ? one.window : longer(one.length, age->length, now));
            if (!age || record.by_admin || more) age = one;
        }
    return age;
}

/// By key: a sweep that was cut is followed by another that names the rest.
std::map<std::string, std::uint64_t> CollectHistory::went_early(const SourceName& source, Instant now,
                                                                std::chrono::days within) const {
    std::map<std::string, std::uint64_t> early;
    for (const auto& record : sweeps_) {
        if (record.by_admin || record.time + within < now) continue;
        for (const auto& said : record.structure.sources()) {
            if (said.source() != source.text()) continue;
            for (const auto& object : said.objects())
                if (object.early()) early[object.key()] = object.bytes();
        }
    }
    return early;
}

const Record* CollectHistory::find_sweep_of(const std::string& key, Instant now) const {
    const auto found = swept_by_.find(key);
    if (found == swept_by_.end()) return nullptr;
    for (const auto& naming : found->second) {
        const auto& sweep = sweeps_[naming.sweep];
        if (naming.ended || sweep.time + sweep_stands >= now) return &sweep;
    }
    return nullptr;
}

std::vector<Instant> CollectHistory::times_of_gone() const {
    std::vector<Instant> times;
    for (const auto& text : gone_) {
        const ObjectKey key{text};
        if (const auto manifest = find_backup_key(key)) times.push_back(manifest->start);
        if (const auto log = find_log_key(key); log && log->last_commit != Instant{}) times.push_back(log->last_commit);
    }
    return times;
}

std::optional<std::string> CollectHistory::find_key_of(const BackupId& backup) const {
    for (const auto& [key, time] : condemned_at_) {
        const auto manifest = find_backup_key(ObjectKey{key});
        if (manifest && backup_id(manifest->start, manifest->name) == backup) return key;
    }
    return std::nullopt;
}

std::vector<const Record*> CollectHistory::naming(const std::string& key) const {
    std::vector<const Record*> found;
    for (const auto* records : {&condemned_, &sweeps_, &swept_})
        for (const auto& record : *records)
            if (names(record, key)) found.push_back(&record);
    std::ranges::sort(found,
                      [](const Record* a, const Record* b) { return std::tie(a->time, a->key) < std::tie(b->time, b->key); });
    return found;
}

}  // namespace varve

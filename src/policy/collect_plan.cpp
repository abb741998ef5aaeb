#include "policy/collect_plan.hpp"

#include <algorithm>

namespace varve {

using namespace std::chrono_literals;

namespace {

/// After the end of the month in UTC: two weeks, and a day because no zone is further away.
constexpr std::chrono::days settled_after{15};

std::optional<std::chrono::year_month> find_month(const std::string& text) {
    if (text.size() != 6 || text.find_first_not_of("0123456789") != std::string::npos) return {};
    const std::chrono::year_month month{std::chrono::year{std::stoi(text.substr(0, 4))},
                                        std::chrono::month{static_cast<unsigned>(std::stoi(text.substr(4)))}};
    return month.ok() ? std::optional{month} : std::nullopt;
}

std::string month_in_utc(Instant time) {
    const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
    const auto month = static_cast<unsigned>(date.month());
    return std::to_string(static_cast<int>(date.year())) + (month < 10 ? "0" : "") + std::to_string(month);
}

/// One source in one copy, looked at once.
class Finder {
public:
    Finder(const RetentionArchive& archive, const CollectInventory& inventory, const RetentionPlan& plan, Instant now)
        : archive_{archive}, inventory_{inventory}, plan_{plan}, now_{now} {
        for (const auto& backup : archive.backups) {
            if (backup.readable) continue;
            // Which packs it lists is not known; in whatever zone its month was told, they lie in one of these.
            for (const auto shift : {-24h, 0h, 24h}) damaged_months_.insert(month_in_utc(backup.begun + shift));
        }
        for (std::size_t i = 0; i < inventory.backups.size(); ++i)
            for (const auto& pack : inventory.backups[i].packs) listing_[pack].push_back(i);
        for (std::size_t i = 0; i < inventory.backups.size(); ++i) kept_.push_back(!keep_backup(i).empty());
    }

    std::vector<std::string> keep_backup(std::size_t i) const {
        std::vector<std::string> reasons;
        for (const auto& kept : plan_.backups[i].kept) reasons.push_back(words_of(kept.reason));
        if (!archive_.backups[i].readable) return reasons;
        auto months = months_of(inventory_.backups[i].packs);
        months.insert(inventory_.backups[i].month);
        for (const auto& month : months) add_month_reasons(month, reasons);
        return reasons;
    }

    std::vector<std::string> keep_pack(const CollectInventory::Pack& pack) const {
        std::vector<std::string> reasons;
        if (const auto found = listing_.find(pack.key); found != listing_.end())
            for (const auto i : found->second)
                if (kept_[i]) reasons.push_back("backup " + archive_.backups[i].id.text() + " lists it and is kept");
        if (inventory_.listed_elsewhere.contains(pack.key))
            reasons.emplace_back("a backup that this copy lacks and another has lists it");
        add_month_reasons(pack.month, reasons);
        return reasons;
    }

    std::vector<std::string> keep_log(std::size_t i) const {
        std::vector<std::string> reasons;
        for (const auto& kept : plan_.log[i].kept) reasons.push_back(words_of(kept.reason));
        return reasons;
    }

    std::vector<Doomed> find() const {
        std::vector<Doomed> doomed;
        for (std::size_t i = 0; i < inventory_.backups.size(); ++i)
            if (!kept_[i]) doomed.push_back(doomed_backup(i));
        for (const auto& pack : inventory_.packs)
            if (keep_pack(pack).empty()) doomed.push_back(doomed_pack(pack));
        for (std::size_t i = 0; i < inventory_.logs.size(); ++i)
            if (keep_log(i).empty())
                doomed.push_back({.kind = Doomed::Kind::log,
                                  .key = inventory_.logs[i],
                                  .bytes = archive_.log[i].bytes,
                                  .reason = "it is older than is kept since " + to_rfc3339(plan_.log[i].ages)});
        return doomed;
    }

private:
    static std::set<std::string> months_of(const std::vector<std::string>& packs) {
        std::set<std::string> months;
        for (const auto& key : packs) {  // pack/<source>/<yyyymm><tier>/<hash>
            const auto hash = key.rfind('/');
            const auto folder = hash == std::string::npos ? hash : key.rfind('/', hash - 1);
            months.insert(folder == std::string::npos ? std::string{} : key.substr(folder + 1, 6));
        }
        return months;
    }

    void add_month_reasons(const std::string& month, std::vector<std::string>& reasons) const {
        if (!month_closed(month, now_)) reasons.push_back("its month, " + month + ", has not ended two weeks ago");
        if (damaged_months_.contains(month))
            reasons.push_back("a manifest of about its month, " + month + ", is damaged, and nobody knows what that lists");
    }

    bool is_early(std::size_t i) const { return archive_.backups[i].expires > now_; }

    Doomed doomed_backup(std::size_t i) const {
        const auto& decision = plan_.backups[i];
        return {.kind = Doomed::Kind::backup,
                .key = inventory_.backups[i].key,
                .bytes = inventory_.backups[i].bytes,
                .reason = (decision.shortened ? "an admin shortened its time to " : "its time was over at ") +
                          to_rfc3339(decision.expires),
                .early = is_early(i)};
    }

    Doomed doomed_pack(const CollectInventory::Pack& pack) const {
        Doomed doomed{.kind = Doomed::Kind::pack, .key = pack.key, .bytes = pack.bytes, .reason = {}};
        const auto found = listing_.find(pack.key);
        if (found == listing_.end()) {
            doomed.reason = "no backup lists it";
            doomed.early = true;
            return doomed;
        }
        doomed.reason = "every backup that lists it goes";
        for (const auto i : found->second) {
            doomed.with.push_back(inventory_.backups[i].key);
            doomed.early = doomed.early || is_early(i);
        }
        return doomed;
    }

    const RetentionArchive& archive_;
    const CollectInventory& inventory_;
    const RetentionPlan& plan_;
    Instant now_;
    std::set<std::string> damaged_months_;
    std::map<std::string, std::vector<std::size_t>> listing_;  // by pack: backups that list it
    std::vector<bool> kept_;                                   // backups, one by one
};

}  // namespace

bool month_closed(const std::string& month, Instant now) {
    const auto found = find_month(month);
    if (!found) return false;
    const std::chrono::sys_days end{(*found + std::chrono::months{1}) / 1};
    return end + settled_after <= now;
}

std::vector<Doomed> find_doomed(const RetentionArchive& archive, const CollectInventory& inventory, const RetentionPlan& plan,
                                Instant now) {
    return Finder{archive, inventory, plan, now}.find();
}

std::vector<std::string> reasons_to_keep(const RetentionArchive& archive, const CollectInventory& inventory,
                                         const RetentionPlan& plan, Instant now, const std::string& key) {
    const Finder finder{archive, inventory, plan, now};
    for (std::size_t i = 0; i < inventory.backups.size(); ++i)
        if (inventory.backups[i].key == key) return finder.keep_backup(i);
    for (const auto& pack : inventory.packs)
        if (pack.key == key) return finder.keep_pack(pack);
    for (std::size_t i = 0; i < inventory.logs.size(); ++i)
        if (inventory.logs[i] == key) return finder.keep_log(i);
    return {};
}

bool condemnation_counts(std::optional<Instant> condemned, Instant now) {
    return condemned && *condemned <= now && now < *condemned + condemned_lapses;
}

std::vector<Doomed> find_ripe(const std::vector<Doomed>& doomed, const std::map<std::string, Instant>& condemned, Instant now) {
    const auto waited = [&](const Doomed& one) {
        const auto found = condemned.find(one.key);
        return found != condemned.end() && condemnation_counts(found->second, now) && found->second + condemned_waits <= now;
    };
    std::vector<Doomed> ripe;
    std::set<std::string> manifests;
    for (const auto& one : doomed) {
        if (!waited(one)) continue;
        const bool alone = std::ranges::all_of(one.with, [&](const auto& key) { return manifests.contains(key); });
        if (!alone) continue;
        if (one.kind == Doomed::Kind::backup) manifests.insert(one.key);
        ripe.push_back(one);
    }
    return ripe;
}

bool may_go_early(std::uint64_t early_bytes, std::uint64_t all_bytes) { return early_bytes <= all_bytes / 5; }

}  // namespace varve

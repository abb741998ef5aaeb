#include "jobs/collect_survey.hpp"

#include <algorithm>

#include "repository/config_chain.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

Error silent(const RepositoryName& copy) {
    return Error{Fault::unreachable, "repository " + copy.text() + " does not answer, so nobody knows what it holds"}.hint(
        "What may go depends on what every required repository has; try again when it answers.");
}

class ListedPacks final : public ObjectVisitor {
public:
    explicit ListedPacks(std::vector<CollectInventory::Pack>& packs) : packs_{packs} {}
    bool visit(const ObjectInfo& object) override {
        // What is not of the format is nobody's, and stays.
        if (const auto key = find_pack_key(object.key))
            packs_.push_back({.key = object.key.text(), .bytes = object.size_bytes, .month = key->month_and_tier.substr(0, 6)});
        return true;
    }

private:
    std::vector<CollectInventory::Pack>& packs_;
};

/// One source, gathered from all copies.
struct Gathered {
    Source* source = nullptr;
    std::string folder;
    WholeArchive whole;
};

/// Whether a source can be judged now; what cannot be read is no reason to leave the others.
class Surveyor {
public:
    Surveyor(JobContext& context, Approval approval) : context_{context}, approval_{approval} {}

    Task<CollectSurvey> run(std::vector<Source*> sources) {
        for (auto* source : sources) co_await gather(*source);
        CollectSurvey survey;
        for (const auto& copy : context_.repository.copies().all()) {
            if (!is_silent(copy.name))
                histories_.emplace(copy.name, co_await CollectHistory::read(context_.repository, copy));
            else
                survey.unanswered.push_back(copy.name);
        }
        const auto acknowledged = co_await silences_acknowledged(context_);
        for (const auto& copy : context_.repository.copies().all())
            if (!is_silent(copy.name)) survey.copies.push_back(co_await look_at(copy, acknowledged));
        co_return survey;
    }

private:
    Task<> gather(Source& source) {
        const auto folder = co_await context_.repository.find_folder(source.setup.name);
        auto view = co_await read_archive(context_, source);
        for (const auto& one : view.silent) {
            if (one.required) throw silent(one.copy);
            silent_.insert(one.copy);
        }
        if (!folder) co_return;  // nothing is stored of it
        auto whole = co_await gather_archive(context_, source, std::move(view));
        gathered_.push_back({.source = &source, .folder = *folder, .whole = std::move(whole)});
    }

    bool is_silent(const RepositoryName& copy) const { return silent_.contains(copy); }

    Task<CopySurvey> look_at(Copy copy, std::vector<Instant> acknowledged) {
        CopySurvey survey{.copy = copy, .now = {}, .history = histories_.at(copy.name), .sources = {}};
        const auto clocks = co_await read_clocks(context_, copy, survey.history, std::move(acknowledged));
        survey.now = clocks.store;
        for (const auto& one : gathered_) survey.sources.push_back(co_await look_at(one, survey, clocks));
        // A list that is cut short may be so for every source.
        const auto stopped = std::ranges::find_if(
            survey.sources, [](const SourceSurvey& one) { return std::ranges::any_of(one.refused, &CollectRefusal::of_copy); });
        if (stopped == survey.sources.end()) co_return survey;
        for (auto& source : survey.sources) {
            source.doomed.clear();
            if (source.refused.empty()) source.refused.push_back(stopped->refused.front());
        }
        co_return survey;
    }

    Task<SourceSurvey> look_at(const Gathered& gathered, const CopySurvey& survey, const RetentionClocks& clocks) {
        const auto& setup = gathered.source->setup;
        SourceSurvey source{.source = setup.name,
                            .archive = gathered.whole.held_by(survey.copy.name),
                            .inventory = {},
                            .plan = {},
                            .rule = setup.retention,
                            .refused = {},
                            .doomed = {}};
        if (approval_ == Approval::none)
            source.rule = log_rule(setup.retention, survey.history.log_age(setup.name, survey.now), survey.now);
        source.asks_for_less = source.rule.pitr != setup.retention.pitr || source.rule.daily != setup.retention.daily;
        source.inventory = co_await take_inventory(gathered, survey);
        source.bytes = bytes_of(source);
        source.plan = plan_retention(source.archive, source.rule, setup.zone, clocks);
        source.refused = missing_backups(gathered.whole, setup.name, survey.copy.name, survey.history);
        std::ranges::move(broken_chain(gathered.whole, setup.name, histories_), std::back_inserter(source.refused));
        if (!source.plan.pauses.empty() || !source.refused.empty()) co_return source;
        source.doomed = find_doomed(source.archive, source.inventory, source.plan, survey.now);
        for (auto& doomed : source.doomed)
            if (doomed.kind == Doomed::Kind::pack && survey.history.was_due(doomed.key)) doomed.early = false;
        if (source.archive.backups.empty() && !source.doomed.empty()) {
            source.doomed.clear();
            source.refused.push_back(
                {.reason = "No backup of " + setup.name.text() + " is listed in " + survey.copy.name.text() +
                           ", and packs or log of it are.",
                 .remedy = "The list of backups may be cut short: look with varve verify. A new backup tells what is needed.",
                 .of_copy = false});
        }
        co_return source;
    }

    Task<CollectInventory> take_inventory(const Gathered& gathered, const CopySurvey& survey) {
        CollectInventory inventory;
        const auto& whole = gathered.whole;
        const auto keys_of = [&](const WholeArchive::StoredBackup& backup) {
            std::vector<std::string> keys;
            for (const auto& pack : backup.packs) keys.push_back(pack_key(gathered.folder, pack.folder, pack.name).text());
            return keys;
        };
        const auto held = whole.holding(survey.copy.name);
        std::set<std::size_t> here(held.backups.begin(), held.backups.end());
        for (std::size_t i = 0; i < whole.backups.size(); ++i) {
            const auto& backup = whole.backups[i];
            auto keys = keys_of(backup);
            if (here.contains(i))
                inventory.backups.push_back(
                    {.key = backup.key.text(), .bytes = backup.bytes, .month = backup.month, .packs = std::move(keys)});
            else if (!survey.history.may_be_gone(backup.key.text()))
                inventory.listed_elsewhere.insert(keys.begin(), keys.end());
        }
        for (const auto i : held.log) inventory.logs.push_back(whole.log[i].key.text());
        ListedPacks packs{inventory.packs};
        co_await survey.copy.store->list("pack/" + gathered.folder + "/", {}, packs);
        co_return inventory;
    }

    static std::uint64_t bytes_of(const SourceSurvey& source) {
        std::uint64_t bytes = 0;
        for (const auto& backup : source.inventory.backups) bytes += backup.bytes;
        for (const auto& pack : source.inventory.packs) bytes += pack.bytes;
        for (const auto& log : source.archive.log) bytes += log.bytes;
        return bytes;
    }

    JobContext& context_;
    Approval approval_;
    std::vector<Gathered> gathered_;
    std::set<RepositoryName> silent_;
    std::map<RepositoryName, CollectHistory> histories_;
};

}  // namespace

Task<CollectSurvey> survey_collection(JobContext& context, std::vector<Source*> sources, Approval approval) {
    require_collectable(context.repository.config());
    const auto& keys = context.repository.keys();
    if (!keys.maintain && !keys.restore && !keys.escrow)
        throw Error{Fault::denied, "this host holds no key that opens what every source stored"}
            .code("wrong_key", 12)
            .hint("Collect where the maintain key is.");
    Surveyor surveyor{context, approval};
    co_return co_await surveyor.run(std::move(sources));
}

}  // namespace varve

#include "jobs/collect_job.hpp"

#include <algorithm>
#include <array>

#include "varve/error.hpp"
#include "varve/failpoint.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using namespace std::chrono_literals;

/// What goes early in so many days counts together.
constexpr std::chrono::days early_within{30};
/// A collector that was suspended for this long since its sweep removes nothing more: it begins anew. Long before anybody takes
/// the sweep for dead.
constexpr std::chrono::days removal_max{7};
static_assert(removal_max * 2 <= sweep_stands);
/// The store's clock is asked before each manifest is removed, and once for so many packs or log objects.
constexpr std::size_t removals_between_looks = 100;
/// Of so many objects at most one run speaks in a record: a record is held in memory.
constexpr std::size_t objects_max = 200'000;

std::map<std::string, Instant> condemned_times(const std::vector<Doomed>& doomed, const CollectHistory& history) {
    std::map<std::string, Instant> times;
    for (const auto& one : doomed)
        if (const auto at = history.condemned_at(one.key)) times.emplace(one.key, *at);
    return times;
}

/// What is condemned and not yet, and what may go now.
struct Judged {
    std::vector<Doomed> fresh, ripe;
};
Judged judge(const SourceSurvey& source, const CopySurvey& copy, SourceCollected& into) {
    const auto times = condemned_times(source.doomed, copy.history);
    Judged judged;
    for (const auto& one : source.doomed) {
        const auto found = times.find(one.key);
        if (found == times.end() || !condemnation_counts(found->second, copy.now)) {
            judged.fresh.push_back(one);
            into.condemned.add(one);
            continue;
        }
        const auto ripens = found->second + condemned_waits;
        if (ripens > copy.now) {
            into.waiting.add(one);
            into.next = std::min(into.next.value_or(ripens), ripens);
        }
    }
    judged.ripe = find_ripe(source.doomed, times, copy.now);
    return judged;
}

/// The brake on what goes before its time: a fifth of the source, unless an admin signs.
std::optional<CollectRefusal> brake_early(const SourceSurvey& source, const CopySurvey& copy, const std::vector<Doomed>& ripe) {
    if (std::ranges::none_of(ripe, &Doomed::early)) return {};
    auto objects = copy.history.went_early(source.source, copy.now, early_within);
    for (const auto& one : ripe)
        if (one.early) objects[one.key] = one.bytes;
    std::uint64_t early = 0;
    for (const auto& [key, bytes] : objects) early += bytes;
    if (may_go_early(early, source.bytes)) return {};
    return CollectRefusal{
        .reason = std::to_string(early) + " of " + std::to_string(source.bytes) + " bytes of " + source.source.text() + " in " +
                  copy.copy.name.text() +
                  " would go before the expiry that was signed, or were never listed by a backup: more than a fifth.",
        .remedy = "Look at varve gc plan. If it is meant, an admin approves it with: varve gc run --approve",
        .of_copy = false};
}

SourceCollected begin_of(const SourceSurvey& source) {
    return {.source = source.source,
            .pauses = source.plan.pauses,
            .refused = source.refused,
            .asks_for_less = source.asks_for_less,
            .condemned = {},
            .waiting = {},
            .swept = {}};
}

void add_objects(format::CollectedSource& into, const std::vector<Doomed>& objects) {
    for (const auto& one : objects) {
        auto& object = *into.add_objects();
        object.set_key(one.key);
        object.set_bytes(one.bytes);
        object.set_reason(one.reason);
        object.set_early(one.early);
    }
}

void add_backups(format::CollectedSource& into, const SourceSurvey& source) {
    for (const auto& backup : source.archive.backups) into.add_backups(backup.id.text());
}

/// One copy's way from the survey to its records and removals.
class CopyCollector {
public:
    CopyCollector(JobContext& context, std::vector<Source*> sources, Approval approval, CopySurvey survey)
        : context_{context}, sources_{std::move(sources)}, approval_{approval}, survey_{std::move(survey)} {
        done_.copy = survey_.copy.name;
        signer_ = approval == Approval::given ? Repository::Signer::admin : Repository::Signer::host;
    }

    /// What would be done, with nothing done.
    CopyCollected plan() {
        choose();
        for (std::size_t i = 0; i < ripe_.size(); ++i)
            for (const auto& one : ripe_[i]) done_.sources[i].swept.add(one);
        return std::move(done_);
    }

    Task<CopyCollected> run() {
        choose();
        co_await condemn();
        const bool any = std::ranges::any_of(ripe_, [](const auto& objects) { return !objects.empty(); });
        if (any) co_await sweep();
        co_return std::move(done_);
    }

private:
    void choose() {
        std::size_t count = 0;
        for (const auto& source : survey_.sources) {
            auto& done = done_.sources.emplace_back(begin_of(source));
            auto judged = judge(source, survey_, done);
            if (approval_ == Approval::none) {
                if (auto refusal = brake_early(source, survey_, judged.ripe)) {
                    done.refused.push_back(std::move(*refusal));
                    judged.ripe.clear();
                }
            }
            count += judged.fresh.size() + judged.ripe.size();
            if (count > objects_max && count > judged.fresh.size() + judged.ripe.size()) {  // the next run's
                judged = {};
                done.condemned = {};
            }
            fresh_.push_back(std::move(judged.fresh));
            ripe_.push_back(std::move(judged.ripe));
        }
    }

    /// A record says what goes from now on, which backups are there, and how log was judged. The first one of a source is put
    /// also when nothing goes: what the list lacks later is seen by it.
    Task<> condemn() {
        format::CollectStructure record;
        record.set_kind("condemned");
        for (std::size_t i = 0; i < fresh_.size(); ++i) {
            const auto& source = survey_.sources[i];
            const auto age = survey_.history.log_age(source.source, survey_.now);
            const bool window = source.rule.pitr.has_value();
            const auto length = source.rule.pitr.value_or(source.rule.daily);
            const bool same = age && age->length == length && age->window == window;
            const bool stopped = !source.refused.empty() || !source.plan.pauses.empty();
            if (stopped || (same && fresh_[i].empty())) continue;
            auto& said = *record.add_sources();
            said.set_source(source.source.text());
            add_objects(said, fresh_[i]);
            add_backups(said, source);
            said.set_log_days(static_cast<std::uint32_t>(length.days));
            said.set_log_months(static_cast<std::uint32_t>(length.months));
            said.set_window(window);
        }
        if (record.sources().empty()) co_return;
        failpoint("gc.before_condemned");
        co_await context_.repository.put_collect_record(survey_.copy, std::move(record), signer_);
        failpoint("gc.after_condemned");
    }

    /// Sweep record first, then the list once more with the holds that are there now: who puts a hold and then finds no sweep has
    /// been seen here; who finds one keeps away.
    Task<> sweep() {
        format::CollectStructure record;
        record.set_kind("sweep");
        std::array<std::uint8_t, 16> run{};
        random_bytes(run);
        record.set_run(std::string{run.begin(), run.end()});
        for (std::size_t i = 0; i < ripe_.size(); ++i) {
            if (ripe_[i].empty()) continue;
            auto& said = *record.add_sources();
            said.set_source(survey_.sources[i].source.text());
            add_objects(said, ripe_[i]);
        }
        failpoint("gc.before_sweep");
        const auto sweep = co_await context_.repository.put_collect_record(survey_.copy, std::move(record), signer_);
        failpoint("gc.after_sweep");
        survey_.history.add_sweep(sweep);

        const auto again = co_await survey_collection(context_, sources_in(sweep), approval_);
        const auto here = std::ranges::find(again.copies, survey_.copy.name, [](const auto& one) { return one.copy.name; });
        if (here == again.copies.end())
            throw Error{Fault::unreachable, "repository " + survey_.copy.name.text() + " answers no more"};
        const auto left = still_doomed(*here);
        co_await remove(left, sweep.time);
        co_await end_sweep(sweep, left, *here);
    }

    std::vector<Source*> sources_in(const Repository::CollectRecord& sweep) const {
        std::vector<Source*> chosen;
        for (auto* source : sources_) {
            const bool named = std::ranges::any_of(sweep.structure.sources(),
                                                   [&](const auto& said) { return said.source() == source->setup.name.text(); });
            if (named) chosen.push_back(source);
        }
        return chosen;
    }

    /// By source, as in the survey: what is ripe and what nothing keeps still.
    std::vector<std::vector<Doomed>> still_doomed(const CopySurvey& again) const {
        std::vector<std::vector<Doomed>> left(ripe_.size());
        for (std::size_t i = 0; i < ripe_.size(); ++i) {
            const auto found = std::ranges::find(again.sources, survey_.sources[i].source, &SourceSurvey::source);
            if (found == again.sources.end()) continue;
            std::set<std::string> ripe, manifests;
            for (const auto& one : ripe_[i]) ripe.insert(one.key);
            for (const auto& one : found->doomed) {
                const bool alone = std::ranges::all_of(one.with, [&](const auto& key) { return manifests.contains(key); });
                if (!ripe.contains(one.key) || !alone) continue;
                if (one.kind == Doomed::Kind::backup) manifests.insert(one.key);
                left[i].push_back(one);
            }
        }
        return left;
    }

    /// Manifests → barrier → packs and log: what can still be opened is whole.
    Task<> remove(const std::vector<std::vector<Doomed>>& left, Instant began) {
        std::size_t count = 0;
        for (const bool manifests : {true, false}) {
            for (const auto& objects : left)
                for (const auto& one : objects) {
                    if ((one.kind == Doomed::Kind::backup) != manifests) continue;
                    if (manifests || count++ % removals_between_looks == 0) co_await require_fresh(began);
                    co_await remove_one(ObjectKey{one.key});
                    if (manifests) failpoint("gc.removed_manifest");
                    if (!manifests) failpoint("gc.removed_object");
                }
            co_await survey_.copy.store->barrier();
            if (manifests) failpoint("gc.removed_manifests");
            if (!manifests) failpoint("gc.removed_objects");
        }
    }

    /// Somebody may have waited for this sweep long enough to take it for dead.
    Task<> require_fresh(Instant began) {
        const auto now = co_await survey_.copy.store->now();
        if (now - began < removal_max && began <= now) co_return;
        throw Error{Fault::overloaded, "the sweep of " + survey_.copy.name.text() + " took too long and was given up"}.hint(
            "The next varve gc run goes on with the rest.");
    }

    Task<> remove_one(ObjectKey key) {
        try {
            co_await survey_.copy.store->remove(key);
        } catch (const Error& error) {
            if (error.fault() != Fault::missing) throw;  // another collector was there first
        }
    }

    Task<> end_sweep(const Repository::CollectRecord& sweep, const std::vector<std::vector<Doomed>>& left,
                     const CopySurvey& again) {
        format::CollectStructure record;
        record.set_kind("swept");
        record.set_run(sweep.structure.run());
        for (std::size_t i = 0; i < left.size(); ++i) {
            const auto found = std::ranges::find(again.sources, survey_.sources[i].source, &SourceSurvey::source);
            if (ripe_[i].empty() || found == again.sources.end()) continue;
            auto& said = *record.add_sources();
            said.set_source(found->source.text());
            add_objects(said, left[i]);
            std::set<std::string> gone;
            for (const auto& one : left[i]) gone.insert(one.key);
            for (std::size_t b = 0; b < found->archive.backups.size(); ++b)
                if (!gone.contains(found->inventory.backups[b].key)) said.add_backups(found->archive.backups[b].id.text());
            for (const auto& one : left[i]) done_.sources[i].swept.add(one);
            if (!left[i].empty())
                log(LogLevel::info, found->source.text(),
                    "removed " + std::to_string(left[i].size()) + " objects from " + survey_.copy.name.text());
        }
        failpoint("gc.before_swept");
        co_await context_.repository.put_collect_record(survey_.copy, std::move(record), signer_);
        failpoint("gc.after_swept");
    }

    JobContext& context_;
    std::vector<Source*> sources_;
    Approval approval_;
    Repository::Signer signer_ = Repository::Signer::host;
    CopySurvey survey_;
    CopyCollected done_;
    std::vector<std::vector<Doomed>> fresh_, ripe_;  // by source, as in the survey
};

}  // namespace

void CollectCount::add(const Doomed& one) {
    ++(one.kind == Doomed::Kind::backup ? backups : one.kind == Doomed::Kind::pack ? packs : logs);
    bytes += one.bytes;
}

Task<CollectReport> plan_collect(JobContext& context, std::vector<Source*> sources) {
    auto survey = co_await survey_collection(context, sources, Approval::none);
    CollectReport report{.copies = {}, .unanswered = std::move(survey.unanswered)};
    for (auto& copy : survey.copies)
        report.copies.push_back(CopyCollector{context, sources, Approval::none, std::move(copy)}.plan());
    co_return report;
}

Task<CollectReport> collect(JobContext& context, std::vector<Source*> sources, Approval approval) {
    auto survey = co_await survey_collection(context, sources, approval);
    CollectReport report{.copies = {}, .unanswered = std::move(survey.unanswered)};
    for (auto& copy : survey.copies) {
        CopyCollector collector{context, sources, approval, std::move(copy)};
        report.copies.push_back(co_await collector.run());
    }
    co_return report;
}

}  // namespace varve

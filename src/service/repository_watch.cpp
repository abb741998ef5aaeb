#include "service/repository_watch.hpp"

#include "jobs/retention_job.hpp"
#include "varve/async.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

/// One copy. What is not known any more is taken away, and not kept as it was.
struct Watched {
    const Copy* copy = nullptr;
    RepositoryFacts facts;
    std::optional<Instant> asked;  ///< and no answer yet
    std::optional<Instant> count_due;
};

class Count final : public ObjectVisitor {
public:
    bool visit(const ObjectInfo& object) override {
        const auto& key = object.key.text();
        auto& kind = kinds[key.substr(0, key.find('/'))];
        ++kind.objects;
        kind.bytes += object.size_bytes;
        return true;
    }
    std::map<std::string, RepositoryFacts::Kind> kinds;
};

}  // namespace

struct RepositoryWatch::State {
    JobContext& context;
    std::vector<Source*> sources;
    std::function<std::uint64_t(const RepositoryName&)> retries;
    WatchRules rules;
    std::vector<Watched> copies{};
    std::map<SourceName, Instant> next_deletions{};

    Task<> ask(Watched& watched);
    Task<> count(Watched& watched);
    Task<> watch(Watched& watched);
    Task<> plan(Source& source);
    Task<> plan_all();
};

Task<> RepositoryWatch::State::ask(Watched& watched) {
    watched.asked = context.clock.now();
    std::optional<std::chrono::microseconds> skew;
    try {
        const auto theirs = co_await watched.copy->store->now();
        skew = theirs - context.clock.now();
    } catch (...) {
    }
    co_await check_stop();
    watched.asked.reset();
    watched.facts.answers = skew.has_value();
    watched.facts.clock_skew = skew;
}

Task<> RepositoryWatch::State::count(Watched& watched) {
    const auto now = context.clock.now();
    if (watched.count_due && *watched.count_due > now) co_return;
    Count counted;
    bool whole = false;
    try {
        co_await watched.copy->store->list("", "", counted);
        whole = true;
    } catch (...) {
    }
    co_await check_stop();
    watched.count_due = context.clock.now() + (whole ? rules.count_again : rules.ask_again);
    if (!whole) co_return;
    watched.facts.kinds = std::move(counted.kinds);
    watched.facts.measured = now;
}

Task<> RepositoryWatch::State::watch(Watched& watched) {
    for (;;) {
        co_await ask(watched);
        if (watched.facts.answers == true) co_await count(watched);
        co_await context.clock.sleep_for(rules.ask_again);
    }
}

Task<> RepositoryWatch::State::plan(Source& source) {
    std::optional<Instant> next;
    try {
        const auto planned = co_await plan_source_retention(context, source, rules.plan_days);
        if (!planned.deletions.empty()) next = planned.deletions.front().planned.time;
    } catch (...) {
    }
    co_await check_stop();
    next_deletions.erase(source.setup.name);
    if (next) next_deletions[source.setup.name] = *next;
}

Task<> RepositoryWatch::State::plan_all() {
    co_await context.clock.sleep_for(rules.plan_first);
    for (;;) {
        for (auto* source : sources) co_await plan(*source);
        co_await context.clock.sleep_for(rules.plan_again);
    }
}

RepositoryWatch::RepositoryWatch(JobContext& context, std::vector<Source*> sources,
                                 std::function<std::uint64_t(const RepositoryName&)> retries, WatchRules rules)
    : state_{std::make_shared<State>(State{context, std::move(sources), std::move(retries), rules})} {
    for (const auto& copy : context.repository.copies().all())
        state_->copies.push_back(
            {.copy = &copy,
             .facts =
                 {.name = copy.name, .required = copy.required, .answers = {}, .clock_skew = {}, .kinds = {}, .measured = {}},
             .asked = {},
             .count_due = {}});
}
RepositoryWatch::~RepositoryWatch() = default;

Task<> RepositoryWatch::run() {
    const auto state = state_;
    auto body = [&](TaskGroup& group) -> Task<> {
        for (auto& watched : state->copies) group.spawn(state->watch(watched));
        group.spawn(state->plan_all());
        co_await group.join();
    };
    co_await in_group(body);
}

std::vector<RepositoryFacts> RepositoryWatch::facts() const {
    std::vector<RepositoryFacts> all;
    const auto now = state_->context.clock.now();
    for (const auto& watched : state_->copies) {
        auto facts = watched.facts;
        facts.retries = state_->retries(facts.name);
        if (watched.asked && now - *watched.asked > state_->rules.patience) {
            facts.answers = false;
            facts.clock_skew.reset();
        }
        all.push_back(std::move(facts));
    }
    return all;
}

std::map<SourceName, Instant> RepositoryWatch::next_deletions() const { return state_->next_deletions; }

}  // namespace varve

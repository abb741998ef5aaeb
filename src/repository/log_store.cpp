#include "repository/log_store.hpp"

#include <set>

#include "repository/log_object.hpp"
#include "repository/object_keys.hpp"
#include "varve/error.hpp"
#include "varve/failpoint.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr int log_level = 3;
/// What may wait for a slow copy that is not required; beyond it the copy is behind and is completed by `varve repository copy`.
constexpr std::uint64_t optional_bytes_max = 64U << 20;
/// Of what such a copy misses this many objects are remembered; one that misses more is behind for as long as this lives.
constexpr std::size_t missed_max = 10'000;

Task<> put_durably(Store& store, ObjectKey key, ByteView bytes) {
    co_await store.put(std::move(key), bytes);
    co_await store.barrier();
}

}  // namespace

struct LogStore::State : std::enable_shared_from_this<LogStore::State> {
    State(Repository& repository_given, SourceName source_given, std::string driver, Clock& clock_given,
          TaskGroup& background_given)
        : repository{repository_given},
          source{std::move(source_given)},
          author{source.text(), std::move(driver), repository.keys().host_name},
          sealing{repository.sealing(source)},
          keys{repository.source_keys(source)},
          clock{clock_given},
          background{background_given} {}

    Repository& repository;
    SourceName source;
    LogAuthor author;
    SealingContext sealing;
    SourceKeys keys;
    Clock& clock;
    TaskGroup& background;
    LogStoreState shown;
    std::uint64_t optional_bytes = 0;

    /// What a copy that is not required lacks.
    struct Behind {
        LogPosition since;
        std::vector<ObjectKey> missed;
        bool more = false;
    };
    std::map<RepositoryName, Behind> behind;

    /// A batch on its way. Sealed once: trying again puts the same bytes where they are missing, and never a second object.
    struct Passage {
        std::shared_ptr<const LogBatch> batch;
        std::shared_ptr<const SealedObject> object;
        ObjectKey key;
        std::set<RepositoryName> stored_in;  ///< required copies that have it durably
    };
    std::shared_ptr<Passage> passage;

    Task<std::shared_ptr<Passage>> begin_passage(std::shared_ptr<const LogBatch> batch);
    void hand_to_optional_copies(const Passage& begun);

    void stored(const RepositoryName& copy, const LogPosition& to) {
        if (behind.contains(copy)) return;
        auto& durable = shown.durable[copy];
        // Objects for a copy that is not required are on their way together, and may arrive in any order.
        if (durable.lineage == to.lineage && durable.at > to.at) return;
        durable = to;
        shown.durable_since[copy] = clock.now();
        shown.failing.erase(copy);
    }
    void failed(const RepositoryName& copy, const std::string& why) { shown.failing[copy] = why; }
    void missed(const RepositoryName& copy, const ObjectKey& key, const LogPosition& from, const std::string& why);
};

namespace {

/// Ends without throwing: a copy that fails must not cut the others short, or they would never get anything while it is down.
template <class State, class Passage>
Task<> put_required(State& state, Passage& passage, const Copy& copy, std::optional<Error>& failure) {
    try {
        co_await put_durably(*copy.store, passage.key, passage.object->bytes);
        passage.stored_in.insert(copy.name);
        state.stored(copy.name, passage.batch->to);
    } catch (Error& error) {
        if (error.fault() == Fault::cancelled) throw;
        state.failed(copy.name, error.sentence());
        if (!failure) failure = error.during("storing the log in " + copy.name.text());
    }
}

/// Whether a copy that was behind has meanwhile got what it missed: `varve repository copy` gives it. The newest is asked for
/// first, because the missing ones are completed in order.
template <class State>
Task<> find_missed(State& state, const Copy& copy) {
    for (;;) {
        const auto behind = state.behind.find(copy.name);
        if (behind == state.behind.end() || behind->second.more) co_return;
        if (behind->second.missed.empty()) {
            state.behind.erase(behind);
            log(LogLevel::info, copy.name.text(), "the copy has all log again");
            co_return;
        }
        const auto newest = behind->second.missed.back();
        const auto found = co_await copy.store->find(newest);
        if (!found) co_return;
        if (const auto again = state.behind.find(copy.name); again != state.behind.end())
            std::erase(again->second.missed, newest);
    }
}

/// Never waited for. A failure, whatever it is, leaves this copy behind, which status shows, and nothing else.
template <class StatePointer>
Task<> put_optional(StatePointer state, Copy copy, ObjectKey key, std::shared_ptr<const SealedObject> object, LogPosition from,
                    LogPosition to) {
    std::exception_ptr failure;
    try {
        co_await put_durably(*copy.store, key, object->bytes);
        co_await find_missed(*state, copy);
        state->stored(copy.name, to);
    } catch (...) {
        failure = std::current_exception();
    }
    state->optional_bytes -= object->bytes.size();
    if (!failure || is_stop(failure)) co_return;
    const auto error = error_of(failure);
    state->missed(copy.name, key, from, error.sentence());
    log_failure(LogLevel::warning, copy.name.text(), error);
}

}  // namespace

Task<std::shared_ptr<LogStore::State::Passage>> LogStore::State::begin_passage(std::shared_ptr<const LogBatch> batch) {
    const auto now = clock.now();
    auto seal = [&] { return std::make_shared<const SealedObject>(seal_log(*batch, author, sealing, now, log_level)); };
    auto object = co_await on_pool(repository.pools().log, seal);
    auto key = log_key(stored_name(keys, source), stored_name(keys, batch->lineage.name), batch->from.at, batch->to.at,
                       batch->last_commit.value_or(Instant{}), object->name);
    co_return std::make_shared<Passage>(std::move(batch), std::move(object), std::move(key));
}

void LogStore::State::hand_to_optional_copies(const Passage& begun) {
    for (const auto& copy : repository.copies().all()) {
        if (copy.required) continue;
        if (optional_bytes + begun.object->bytes.size() > optional_bytes_max) {
            missed(copy.name, begun.key, begun.batch->from, "it is too slow, and log objects were left out");
            continue;
        }
        optional_bytes += begun.object->bytes.size();
        background.spawn(put_optional(shared_from_this(), copy, begun.key, begun.object, begun.batch->from, begun.batch->to));
    }
}

void LogStore::State::missed(const RepositoryName& copy, const ObjectKey& key, const LogPosition& from, const std::string& why) {
    auto& lacks = behind.try_emplace(copy, Behind{.since = from, .missed = {}}).first->second;
    if (lacks.since.lineage == from.lineage && from.at < lacks.since.at) lacks.since = from;
    lacks.more = lacks.more || lacks.missed.size() >= missed_max;
    if (!lacks.more) lacks.missed.push_back(key);
    auto& durable = shown.durable[copy];
    if (durable.lineage.empty() || (durable.lineage == lacks.since.lineage && durable.at > lacks.since.at)) {
        durable = lacks.since;
        shown.durable_since.try_emplace(copy, clock.now());
    }
    const auto since = lacks.since.text.empty() ? std::to_string(lacks.since.at) : lacks.since.text;
    failed(copy, "behind since " + since + ": it lacks log from there on; complete it with varve repository copy (" + why + ")");
}

LogStore::LogStore(Repository& repository, SourceName source, std::string driver, Clock& clock, TaskGroup& background)
    : state_{std::make_shared<State>(repository, std::move(source), std::move(driver), clock, background)} {}
LogStore::~LogStore() = default;

const LogStoreState& LogStore::state() const noexcept { return state_->shown; }

Task<> LogStore::put_log(std::shared_ptr<const LogBatch> batch) {
    const auto state = state_;
    auto passage = state->passage;
    if (!passage || passage->batch != batch) {
        passage = co_await state->begin_passage(batch);
        state->passage = passage;
        state->hand_to_optional_copies(*passage);
    }
    failpoint("log.before_put");
    std::vector<const Copy*> waiting;
    for (const auto& copy : state->repository.copies().all()) {
        if (copy.required && !passage->stored_in.contains(copy.name)) waiting.push_back(&copy);
    }
    std::optional<Error> failure;
    auto put = [&](const Copy* copy) { return put_required(*state, *passage, *copy, failure); };
    if (!waiting.empty()) co_await for_each_limited(static_cast<unsigned>(waiting.size()), waiting, put);
    if (failure) throw *failure;
    state->passage.reset();
    failpoint("log.after_put");
}

Task<> LogStore::put_gap(Lineage lineage, Gap gap) {
    format::NoteStructure note;
    note.set_kind("gap");
    note.set_lineage(lineage.name.text());
    note.set_from_position(gap.from.at);
    note.set_from_text(gap.from.text);
    note.set_to_position(gap.to.at);
    note.set_to_text(gap.to.text);
    note.set_reason(gap.reason);
    co_await state_->repository.put_note(state_->source, std::move(note));
}

}  // namespace varve

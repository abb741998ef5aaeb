#include "repository/log_store.hpp"

#include "base/failpoint.hpp"
#include "repository/log_object.hpp"
#include "repository/object_keys.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr int log_level = 3;
/// What may wait for a slow copy that is not required; beyond it the copy is behind and is completed by `varve repository copy`.
constexpr std::uint64_t optional_bytes_max = 64U << 20;

Task<> put_durably(Store& store, ObjectKey key, ByteView bytes) {
    co_await store.put(std::move(key), bytes);
    co_await store.barrier();
}

}  // namespace

struct LogStore::State {
    State(Repository& repository_given, SourceName source_given, std::string driver, TaskGroup& background_given)
        : repository{repository_given},
          source{std::move(source_given)},
          author{source.text(), std::move(driver), repository.keys().host_name},
          sealing{repository.sealing(source)},
          keys{repository.source_keys(source)},
          background{background_given} {}

    Repository& repository;
    SourceName source;
    LogAuthor author;
    SealingContext sealing;
    SourceKeys keys;
    TaskGroup& background;
    LogStoreState shown;
    std::uint64_t optional_bytes = 0;

    void stored(const RepositoryName& copy, const LogPosition& to) {
        shown.durable[copy] = to;
        shown.durable_since[copy] = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
        shown.failing.erase(copy);
    }
    void failed(const RepositoryName& copy, const Error& error) { shown.failing[copy] = error.sentence(); }
};

namespace {

template <class State>
Task<> put_required(State& state, const Copy& copy, ObjectKey key, ByteView bytes, LogPosition to) {
    try {
        co_await put_durably(*copy.store, std::move(key), bytes);
        state.stored(copy.name, to);
    } catch (Error& error) {
        if (error.fault() != Fault::cancelled) state.failed(copy.name, error);
        error.during("storing the log in " + copy.name.text());
        throw;
    }
}

/// Never waited for. A failure leaves this copy behind, which status shows.
template <class StatePointer>
Task<> put_optional(StatePointer state, Copy copy, ObjectKey key, std::shared_ptr<const SealedObject> object, LogPosition to) {
    try {
        co_await put_durably(*copy.store, std::move(key), object->bytes);
        state->stored(copy.name, to);
    } catch (const Error& error) {
        if (error.fault() != Fault::cancelled) {
            state->failed(copy.name, error);
            log_failure(LogLevel::warning, copy.name.text(), error);
        }
    }
    state->optional_bytes -= object->bytes.size();
}

}  // namespace

LogStore::LogStore(Repository& repository, SourceName source, std::string driver, TaskGroup& background)
    : state_{std::make_shared<State>(repository, std::move(source), std::move(driver), background)} {}
LogStore::~LogStore() = default;

const LogStoreState& LogStore::state() const noexcept { return state_->shown; }

Task<> LogStore::put_log(std::shared_ptr<const LogBatch> batch) {
    const auto state = state_;
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    auto seal = [&] {
        return std::make_shared<const SealedObject>(seal_log(*batch, state->author, state->sealing, now, log_level));
    };
    const auto object = co_await on_pool(state->repository.pools().log, seal);
    const auto key = log_key(stored_name(state->keys, state->source), stored_name(state->keys, batch->lineage.name),
                             batch->from.at, batch->to.at, batch->last_commit.value_or(now), object->name);
    failpoint("log.before_put");
    std::vector<const Copy*> required;
    for (const auto& copy : state->repository.copies().all()) {
        if (copy.required) {
            required.push_back(&copy);
        } else if (state->optional_bytes + object->bytes.size() <= optional_bytes_max) {
            state->optional_bytes += object->bytes.size();
            state->background.spawn(put_optional(state, copy, key, object, batch->to));
        } else {
            state->shown.failing[copy.name] = "too slow: log objects were left out; complete it with varve repository copy";
        }
    }
    auto put = [&](const Copy* copy) { return put_required(*state, *copy, key, object->bytes, batch->to); };
    co_await for_each_limited(static_cast<unsigned>(required.size()), required, put);
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

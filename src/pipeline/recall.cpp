#include "pipeline/recall.hpp"

#include <algorithm>

#include "pipeline/recall_state.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

Secret id_key_of(const format::ManifestContent& content) {
    if (content.id_key().size() != 32) throw Error{Fault::corrupt, "the manifest has no id key"};
    return Secret{view_of(content.id_key())};
}

/// One entry, chunk by chunk.
class EntrySource final : public ByteSource {
public:
    EntrySource(std::shared_ptr<Recall::State> state, Entry entry) : state_{std::move(state)}, entry_{std::move(entry)} {}

    Task<Bytes> read() override {
        if (!begun_) {
            const auto list = co_await state_->list();
            auto look = [list, entry = entry_, &shelf = state_->shelf] {
                std::vector<WantedChunk> wanted;
                append_wanted(wanted, list->message(list->ordinal_of(entry)), 0, shelf);
                return wanted;
            };
            wanted_ = co_await on_pool(state_->pools.cpu, std::move(look));
            begun_ = true;
        }
        if (next_ == wanted_.size()) co_return Bytes{};
        try {
            const auto pack = co_await state_->shelf.at_hand(wanted_[next_].pack);
            co_return co_await on_pool(state_->pools.cpu, [pack, run = next_run()] { return read_run(*pack, run); });
        } catch (Error& error) {
            if (is_damage(error)) error.during("reading " + entry_.path);
            throw;
        }
    }

private:
    static constexpr std::uint64_t block_bytes = 1u << 20;

    /// The next chunks that lie in one pack and make up a block.
    std::vector<WantedChunk> next_run() {
        std::vector<WantedChunk> run;
        std::uint64_t bytes = 0;
        const auto pack = wanted_[next_].pack;
        while (next_ < wanted_.size() && wanted_[next_].pack == pack && bytes < block_bytes) {
            run.push_back(wanted_[next_++]);
            bytes += run.back().length;
        }
        return run;
    }

    static Bytes read_run(OpenedPack& pack, const std::vector<WantedChunk>& run) {
        Bytes block, plain;
        for (const auto& chunk : run) {
            pack.read(chunk.entry, plain);
            if (plain.size() != chunk.length) throw Error{Fault::corrupt, "a chunk has another length than the list says"};
            append(block, plain);
        }
        return block;
    }

    std::shared_ptr<Recall::State> state_;
    Entry entry_;
    std::vector<WantedChunk> wanted_;
    std::size_t next_ = 0;
    bool begun_ = false;
};

}  // namespace

// -------------------------------------------------------------------------------------------------------- shared state

Recall::State::State(Pools& pools_given, PackOrigin& origin, RecallPlan plan_given)
    : pools{pools_given},
      plan{std::move(plan_given)},
      shelf{pools_given, origin, plan.repository, plan.keys, id_key_of(plan.content), plan.packs} {}

Task<std::shared_ptr<const RecallList>> Recall::State::list() {
    if (!loaded_) loaded_.emplace(co_await asio::this_coro::executor);
    while (loading_) co_await loaded_->wait();
    if (list_) co_return list_;
    struct Loading {
        State& state;
        explicit Loading(State& of) : state{of} { state.loading_ = true; }
        ~Loading() {
            state.loading_ = false;
            state.loaded_->notify();
        }
    } const loading{*this};
    try {
        list_ = co_await RecallList::load(pools, shelf, plan.content, plan.scratch);
    } catch (Error& error) {
        error.during("reading the file list");
        throw;
    }
    co_return list_;
}

unsigned Recall::State::packs_at_once() const {
    constexpr std::uint64_t each = pack_bytes_max + (24u << 20);  // the pack, and what is decoded of it
    return static_cast<unsigned>(std::clamp<std::uint64_t>(plan.memory_max / each, 1, 16));
}

void DamageReport::add(const std::string& what, const std::string& path) { harmed_[what].insert(path); }

std::vector<std::string> DamageReport::sentences() const {
    constexpr std::size_t named_max = 5;
    std::vector<std::string> sentences;
    for (const auto& [what, paths] : harmed_) {
        auto sentence = what + "; harms ";
        std::size_t named = 0;
        for (const auto& path : paths) {
            if (named == named_max) break;
            sentence += (named++ == 0 ? "" : ", ") + path;
        }
        if (paths.size() > named) sentence += " and " + std::to_string(paths.size() - named) + " more files";
        sentences.push_back(std::move(sentence));
    }
    return sentences;
}

bool is_damage(const Error& error) noexcept { return error.fault() == Fault::corrupt || error.fault() == Fault::missing; }

// --------------------------------------------------------------------------------------------------------------- Recall

Recall::Recall(Pools& pools, PackOrigin& origin, RecallPlan plan)
    : state_{std::make_shared<State>(pools, origin, std::move(plan))} {}

Recall::~Recall() = default;

const BackupFacts& Recall::facts() const { return state_->plan.facts; }

Task<std::shared_ptr<const RecallList>> Recall::list() {
    const auto state = state_;
    co_return co_await state->list();
}

RecallProgress Recall::progress() const noexcept { return state_->progress; }

Task<> Recall::each(EntryVisitor& visitor) {
    constexpr std::size_t entries_at_once = 256, entries_kept = 64 * entries_at_once;
    const auto state = state_;
    const auto list = co_await state->list();
    for (std::size_t begin = 0; begin < list->size(); begin += entries_at_once) {
        auto parse = [list, begin] {
            if (begin % entries_kept == 0) list->let_go();
            std::vector<Entry> entries;
            for (auto i = begin; i < std::min(begin + entries_at_once, list->size()); ++i) entries.push_back(list->entry(i));
            return entries;
        };
        const auto entries = co_await on_pool(state->pools.cpu, std::move(parse));
        for (const auto& entry : entries) co_await visitor.visit(entry);
    }
}

std::unique_ptr<ByteSource> Recall::open(const Entry& entry) { return std::make_unique<EntrySource>(state_, entry); }

}  // namespace varve

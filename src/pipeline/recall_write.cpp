// Recall::write: gather what is wanted, leave out what is there, fetch each pack once, write in place.
#include <algorithm>
#include <atomic>

#include "pipeline/recall_state.hpp"
#include "pipeline/restored_files.hpp"
#include "pipeline/write_batch.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

/// Takes the paths out of the targets.
std::vector<RestoredFiles::Wanted> wanted_of(std::vector<FileTarget>& targets) {
    std::vector<RestoredFiles::Wanted> wanted;
    wanted.reserve(targets.size());
    for (auto& target : targets)
        wanted.push_back({.path = std::move(target.path),
                          .size = target.entry.size,
                          .within = std::move(target.within),
                          .sparse = target.sparse});
    return wanted;
}

/// One call of write().
struct Writing {
    Writing(std::vector<FileTarget> given, WriteMode with, std::shared_ptr<const RecallList> from)
        : targets{std::move(given)},
          mode{with},
          list{std::move(from)},
          files{wanted_of(targets), with},
          sizes(targets.size(), 0) {}

    std::vector<FileTarget> targets;
    WriteMode mode;
    std::shared_ptr<const RecallList> list;
    RestoredFiles files;
    std::vector<std::uint64_t> sizes;
    std::size_t gathered = 0;  ///< targets
    std::vector<WantedChunk> wanted;
    std::set<std::uint32_t> harmed;  ///< files
    DamageReport damage;
    std::vector<std::shared_ptr<WriteBatch>> free_batches;  ///< to be used again: fresh memory is dear

    /// io thread.
    std::shared_ptr<WriteBatch> take_batch() {
        if (free_batches.empty()) return std::make_shared<WriteBatch>();
        auto batch = std::move(free_batches.back());
        free_batches.pop_back();
        return batch;
    }
};

void mark_harmed(Writing& writing, const std::string& what, std::uint32_t file) {
    const auto& path = writing.targets[file].entry.path;
    writing.harmed.insert(file);
    writing.damage.add(what, path);
}

/// The chunks of the next targets, as many as are gathered at once. An entry that contradicts itself or the manifest harms its
/// own file. cpu pool.
void gather(Writing& writing, const PackShelf& shelf) {
    writing.wanted.clear();
    while (writing.gathered < writing.targets.size() && writing.wanted.size() < wanted_at_once) {
        const auto file = static_cast<std::uint32_t>(writing.gathered++);
        const auto& target = writing.targets[file];
        const auto entry = writing.list->message(writing.list->ordinal_of(target.entry));
        if (entry.kind() != static_cast<std::uint32_t>(EntryKind::file))
            throw Error{Fault::invalid, entry.path() + " is no regular file: it has no content to write"};
        writing.sizes[file] = entry.size();
        const auto before = writing.wanted.size();
        try {
            append_wanted(writing.wanted, entry, file, shelf);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            writing.wanted.resize(before);
            mark_harmed(writing, error.sentence(), file);
        }
    }
    writing.list->let_go();
}

/// Chunks of one file, in order.
using FileStretch = std::span<WantedChunk>;

std::vector<FileStretch> by_file(std::vector<WantedChunk>& wanted) {
    std::vector<FileStretch> stretches;
    for (auto begin = wanted.begin(); begin != wanted.end();) {
        const auto end =
            std::find_if(begin, wanted.end(), [file = begin->file](const auto& chunk) { return chunk.file != file; });
        stretches.emplace_back(begin, end);
        begin = end;
    }
    return stretches;
}

/// Marks the chunks that the file has already by a length of 0, and gives their bytes. cpu pool.
std::uint64_t mark_present(const RestoredFiles& files, FileStretch chunks, const Secret& id_key) {
    const auto file = files.find(chunks.front().file);
    if (!file) return 0;
    ChunkHasher hasher{id_key};
    Bytes present;
    std::uint64_t kept = 0;
    for (auto& chunk : chunks) {
        present.resize(chunk.length);
        if (file->read_at(chunk.at, present) != present.size()) break;  // the file ends here
        if (hasher.id_of(present) != chunk.entry.id) continue;
        kept += chunk.length;
        chunk.length = 0;
    }
    return kept;
}

/// Decodes the chunks of one pack, each once, for every place that wants it. cpu pool.
class PackDecoder {
public:
    /// `chunks` is never empty.
    PackDecoder(std::shared_ptr<OpenedPack> pack, std::span<const WantedChunk> chunks) : pack_{std::move(pack)}, rest_{chunks} {}

    /// Adds to `batch` until it is full or nothing is left.
    void fill(WriteBatch& batch) {
        while (!rest_.empty()) {
            const auto& chunk = rest_.front();
            if (!decoded_ || decoded_->entry.offset != chunk.entry.offset || decoded_->entry.id != chunk.entry.id) decode(chunk);
            if (!harm_.empty())
                harms_.push_back({.what = harm_, .file = chunk.file});
            else if (plain_.size() != chunk.length || plain_.size() > WriteBatch::bytes_max)
                harms_.push_back(
                    {.what = pack_->name() + ": a chunk has another length than the file list says", .file = chunk.file});
            else if (!batch.add(chunk.file, chunk.at, plain_))
                return;
            rest_ = rest_.subspan(1);
        }
    }
    bool done() const { return rest_.empty(); }

    struct Harm {
        std::string what;
        std::uint32_t file;
    };
    const std::vector<Harm>& harms() const { return harms_; }

private:
    void decode(const WantedChunk& chunk) {
        decoded_ = &chunk;
        harm_.clear();
        try {
            pack_->read(chunk.entry, plain_);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            harm_ = error.sentence();
        }
    }

    std::shared_ptr<OpenedPack> pack_;
    std::span<const WantedChunk> rest_;
    const WantedChunk* decoded_ = nullptr;  ///< what plain_ or harm_ came of
    Bytes plain_;
    std::string harm_;
    std::vector<Harm> harms_;
};

/// Takes runs off the batch until there is none left; gives the number of bytes. blocking pool, several of them at once: making
/// files is waiting, mostly.
std::uint64_t write_runs(std::span<const WriteBatch::Run> runs, std::atomic<std::size_t>& next, RestoredFiles& files) {
    std::uint64_t bytes = 0;
    for (auto number = next++; number < runs.size(); number = next++) {
        const auto& run = runs[number];
        files.write(run.file, run.at, run.bytes);
        bytes += run.bytes.size();
    }
    return bytes;
}

/// A pack that cannot be had harms every file that needs it. io thread.
Task<std::shared_ptr<OpenedPack>> fetch_or_mark(Recall::State& state, Writing& writing, std::span<const WantedChunk> chunks) {
    std::shared_ptr<OpenedPack> pack;
    std::string harm;
    try {
        pack = co_await state.shelf.fetch(chunks.front().pack);
    } catch (const Error& error) {
        if (!is_damage(error)) throw;
        harm = error.sentence();
    }
    ++state.progress.packs_read;
    if (!pack)
        for (const auto& chunk : chunks) mark_harmed(writing, harm, chunk.file);
    co_return pack;
}

Task<> write_batch(Recall::State& state, std::shared_ptr<Writing> writing, std::shared_ptr<WriteBatch> batch) {
    constexpr std::size_t writers_max = 2;
    std::atomic<std::size_t> next = 0;
    const auto write = [&]() -> Task<> {
        state.progress.bytes_written +=
            co_await on_pool(state.pools.blocking, [&] { return write_runs(batch->runs(), next, writing->files); });
    };
    co_await in_group([&](TaskGroup& group) -> Task<> {
        for (std::size_t i = 1; i < std::min(writers_max, batch->runs().size()); ++i) group.spawn(write());
        co_await write();
    });
    batch->clear();
}

/// Brings the chunks of one pack to their files: one batch is decoded while another is on its way to the disk. io thread.
Task<> restore_pack(Recall::State& state, std::shared_ptr<Writing> writing, std::span<const WantedChunk> chunks) {
    auto pack = co_await fetch_or_mark(state, *writing, chunks);
    if (!pack) co_return;
    const auto decoder = std::make_shared<PackDecoder>(std::move(pack), chunks);
    auto full = writing->take_batch(), empty = writing->take_batch();
    const auto decode = [&] { return on_pool(state.pools.cpu, [decoder, writing, batch = empty] { decoder->fill(*batch); }); };
    co_await decode();
    while (!decoder->done()) {
        std::swap(full, empty);
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(write_batch(state, writing, full));
            co_await decode();
        });
    }
    co_await write_batch(state, writing, empty);
    for (const auto& each : decoder->harms()) mark_harmed(*writing, each.what, each.file);
    writing->free_batches.insert(writing->free_batches.end(), {full, empty});
}

/// WriteMode::delta: takes out what the files have already. io thread.
Task<> leave_out_present(Recall::State& state, std::shared_ptr<Writing> writing) {
    auto stretches = by_file(writing->wanted);
    const Secret id_key{view_of(state.plan.content.id_key())};
    co_await for_each_limited(state.packs_at_once(), stretches, [&](FileStretch chunks) -> Task<> {
        auto mark = [writing, chunks, id_key] { return mark_present(writing->files, chunks, id_key); };
        state.progress.bytes_kept += co_await on_pool(state.pools.cpu, std::move(mark));
    });
    std::erase_if(writing->wanted, [](const WantedChunk& chunk) { return chunk.length == 0; });
}

/// Gives every file its size, creates the empty ones, and removes those that cannot be filled. Blocks.
void settle(Writing& writing) {
    for (std::uint32_t file = 0; file < writing.targets.size(); ++file) {
        const bool harmed = writing.harmed.contains(file);
        if (harmed && writing.mode == WriteMode::create)
            writing.files.remove_created(file);
        else if (!harmed && (writing.mode == WriteMode::delta || writing.sizes[file] == 0))
            writing.files.set_size(file, writing.sizes[file]);
    }
}

}  // namespace

Task<ContentWritten> Recall::write(std::vector<FileTarget> files, WriteMode mode) {
    const auto state = state_;
    const auto written_before = state->progress.bytes_written;
    const auto writing = std::make_shared<Writing>(std::move(files), mode, co_await state->list());
    while (writing->gathered < writing->targets.size()) {
        co_await on_pool(state->pools.cpu, [writing, &shelf = state->shelf] { gather(*writing, shelf); });
        if (mode == WriteMode::delta) co_await leave_out_present(*state, writing);
        auto groups = co_await on_pool(state->pools.cpu, [writing] { return by_pack(writing->wanted); });
        co_await for_each_limited(state->packs_at_once(), groups,
                                  [&](std::span<const WantedChunk> chunks) { return restore_pack(*state, writing, chunks); });
    }
    co_await on_pool(state->pools.blocking, [writing] { settle(*writing); });
    ContentWritten done{
        .bytes = state->progress.bytes_written - written_before, .damage = writing->damage.sentences(), .harmed = {}};
    for (const auto file : writing->harmed) done.harmed.insert(writing->targets[file].entry.path);
    co_return done;
}

}  // namespace varve

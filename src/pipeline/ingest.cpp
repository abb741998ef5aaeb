#include "pipeline/ingest.hpp"

#include <algorithm>
#include <thread>

#include "pipeline/content_stream.hpp"
#include "pipeline/list_spill.hpp"
#include "pipeline/list_storing.hpp"
#include "pipeline/previous_list.hpp"
#include "pipeline/stream_writer.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

/// What one job reads of a file; a BlockCheck sees content in steps of this.
constexpr std::uint64_t region_bytes = 4u << 20;

/// A stretch of a file that one job reads and stores.
struct Region {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::shared_ptr<Content> content = std::make_shared<Content>();
};

/// Reads a region at the bench and stores it. cpu pool.
void take_region(ChunkBench& bench, const LocalFile& file, BlockCheck* check, const Cutter& cutter, const Region& region) {
    const auto buffer = bench.buffer(region.length);
    const auto count = file.read_at(region.offset, buffer);
    const ByteView bytes = buffer.first(count);
    if (check != nullptr && count > 0) check->look(region.offset, bytes);
    std::vector<std::uint32_t> lengths;
    cutter.cut(bytes, region.offset == 0, true, lengths);
    store_chunks(bench, bytes, lengths, *region.content);
    region.content->bytes = count;
    if (cutter.fixed == 0) region.content->lengths = std::move(lengths);
}

/// A small file on the cpu pool, and what came of it.
struct SmallJob {
    SmallFile file;
    SmallFileRead read;
    Content content;
};

/// What fails here is the file's fault; storing is not.
std::optional<ByteView> read_small(ChunkBench& bench, SmallJob& job) {
    auto& [entry, open, accept] = job.file;
    try {
        const auto file = open(entry);
        if (!file || entry.size > SmallFile::bytes_max) return std::nullopt;
        const auto buffer = bench.buffer(entry.size);
        const auto count = file->read_at(0, buffer);
        if (accept(*file)) return ByteView{buffer.first(count)};
    } catch (const Error& error) {
        job.read.failure = error;
    }
    return std::nullopt;
}

void take_small(ChunkBench& bench, const Cutter& cutter, SmallJob& job) {
    const auto bytes = read_small(bench, job);
    if (!bytes) return;
    if (!bytes->empty()) {
        std::vector<std::uint32_t> lengths;
        cutter.cut(*bytes, true, true, lengths);
        store_chunks(bench, *bytes, lengths, job.content);
        job.content.lengths = std::move(lengths);
    }
    job.content.bytes = job.file.entry.size = bytes->size();
    job.read.kept = true;
}

}  // namespace

struct Ingest::State {
    State(Pools& pools_given, PackDestination& destination_given, const ChunkIndex& index_given, SealingContext sealing,
          SourceKeys keys, IngestOptions options_given, std::unique_ptr<PreviousBackup> previous_given,
          KeptList previous_list_given)
        : pools{pools_given},
          destination{destination_given},
          index{index_given},
          options{std::move(options_given)},
          previous{std::move(previous_given)},
          previous_kept{std::move(previous_list_given)},
          id_key{keys.id},
          rules{std::make_shared<ChunkRules>(index_given, std::move(sealing), keys.id, options.level, options.pack_bytes_max)},
          cut_files{std::make_shared<Chunker>(keys.chunker, file_cuts)},
          cut_streams{std::make_shared<Chunker>(keys.chunker, stream_cuts)},
          spill{pools_given, options.scratch} {
        rules->next_pack = static_cast<PackNumber>(index.packs().size());
    }

    /// The sink may be used while this lives.
    struct Open {
        State& state;
        Open(State& of, asio::any_io_executor executor, TaskGroup& with) : state{of} {
            const auto workers = of.options.workers != 0 ? of.options.workers : std::max(1u, std::thread::hardware_concurrency());
            const WorkroomLimits limits{.memory_max = of.options.memory_max, .workers = workers};
            of.group = &with;
            of.room = std::make_shared<Workroom>(executor, of.pools, of.destination, of.rules, limits, with);
        }
        Open(const Open&) = delete;
        Open& operator=(const Open&) = delete;
        ~Open() { state.group = nullptr; }
    };

    Workroom& require_room() const {
        if (group == nullptr) throw Error{Fault::defect, "a backup sink was used outside its run"};
        return *room;
    }

    Cutter cutter_for(ChunkProfile profile) const {
        switch (profile) {
            case ChunkProfile::page:
                return {.fixed = options.page_chunk_bytes, .by_content = nullptr, .whole_max = 0};
            case ChunkProfile::file:
                return {.fixed = 0, .by_content = cut_files, .whole_max = one_chunk_bytes_max};
            case ChunkProfile::stream:
                return {.fixed = 0, .by_content = cut_streams, .whole_max = 0};
        }
        throw Error{Fault::defect, "a chunk profile that does not exist"};
    }

    std::shared_ptr<ContentStream> make_stream(asio::any_io_executor executor, ChunkProfile profile) const {
        require_room();
        return std::make_shared<ContentStream>(executor, room, *group, cutter_for(profile));
    }

    Task<Content> take_whole(Cutter cutter, std::uint64_t size, std::shared_ptr<const LocalFile> file,
                             std::shared_ptr<BlockCheck> check);
    Task<Content> take_regions(Cutter cutter, std::uint64_t size, std::shared_ptr<const LocalFile> file,
                               std::shared_ptr<BlockCheck> check);
    Task<Content> take_stream(ChunkProfile profile, std::uint64_t size, std::shared_ptr<const LocalFile> file,
                              std::shared_ptr<BlockCheck> check);
    Task<> take_into(Cutter cutter, Region region, std::shared_ptr<const LocalFile> file, std::shared_ptr<BlockCheck> check);
    Task<> record(Entry entry, Content content);
    Task<> run_all(Ingest& sink, std::function<Task<>(BackupSink&)> fill, IngestResult& result);

    Pools& pools;
    PackDestination& destination;
    const ChunkIndex& index;
    IngestOptions options;
    std::unique_ptr<PreviousBackup> previous;
    KeptList previous_kept;
    Secret id_key;
    std::shared_ptr<ChunkRules> rules;
    std::shared_ptr<const Chunker> cut_files, cut_streams;
    ListSpill spill;
    std::shared_ptr<const PreviousList> previous_list;
    TaskGroup* group = nullptr;  ///< while running
    std::shared_ptr<Workroom> room;
    std::uint64_t files = 0, bytes_source = 0, bytes_read = 0;
};

// ------------------------------------------------------------------------------------------------------------ one entry

Task<> Ingest::State::take_into(Cutter cutter, Region region, std::shared_ptr<const LocalFile> file,
                                std::shared_ptr<BlockCheck> check) {
    const auto held = co_await room->room(region.length);
    const auto length = region.length;
    auto job = [cutter = std::move(cutter), region = std::move(region), file = std::move(file),
                check = std::move(check)](ChunkBench& bench) { take_region(bench, *file, check.get(), cutter, region); };
    co_await room->work(length, std::move(job));
}

/// One job reads, cuts and stores it all: a small file costs one hop.
Task<Content> Ingest::State::take_whole(Cutter cutter, std::uint64_t size, std::shared_ptr<const LocalFile> file,
                                        std::shared_ptr<BlockCheck> check) {
    const Region all{.offset = 0, .length = size};
    const auto fixed = cutter.fixed;
    co_await take_into(std::move(cutter), all, std::move(file), std::move(check));
    auto content = std::move(*all.content);
    content.fixed = fixed;
    co_return content;
}

/// Regions of a fixed cut do not depend on each other: all workers read at once.
Task<Content> Ingest::State::take_regions(Cutter cutter, std::uint64_t size, std::shared_ptr<const LocalFile> file,
                                          std::shared_ptr<BlockCheck> check) {
    std::vector<Region> regions;
    for (std::uint64_t at = 0; at < size; at += region_bytes)
        regions.push_back({.offset = at, .length = std::min(region_bytes, size - at)});
    co_await for_each_limited(room->jobs_max() + 1, regions,
                              [&](const Region& region) { return take_into(cutter, region, file, check); });

    Content whole{.chunks = {}, .lengths = {}, .fixed = cutter.fixed, .bytes = 0, .sealed = 0};
    for (const auto& region : regions) {
        const auto& part = *region.content;
        whole.chunks.insert(whole.chunks.end(), part.chunks.begin(), part.chunks.end());
        whole.bytes += part.bytes;
        whole.sealed += part.sealed;
        if (part.bytes < region.length) break;  // it shrank: what another worker read behind this is not its content any more
    }
    co_return whole;
}

/// Where a cut falls depends on the one before: pieces are read and cut in order, and stored by all workers.
Task<Content> Ingest::State::take_stream(ChunkProfile profile, std::uint64_t size, std::shared_ptr<const LocalFile> file,
                                         std::shared_ptr<BlockCheck> check) {
    const auto stream = make_stream(co_await asio::this_coro::executor, profile);
    bool ended = false;
    while (!ended) {
        const auto at = stream->bytes();
        const auto length = std::min(region_bytes, size - at);
        const auto fill = [file, check, at, length](Bytes& into) {
            const auto begin = into.size();
            into.resize(begin + length);
            into.resize(begin + file->read_at(at, std::span{into}.subspan(begin)));
            if (check && into.size() > begin) check->look(at, ByteView{into}.subspan(begin));
        };
        const bool last = at + length == size;
        co_await stream->feed(length, fill, last);
        ended = last;
        if (!last && stream->bytes() < at + length) {  // it shrank
            co_await stream->feed(0, [](Bytes&) {}, true);
            ended = true;
        }
    }
    co_return co_await stream->finish();
}

Task<> Ingest::State::record(Entry entry, Content content) {
    ++files;
    bytes_source += content.bytes;
    co_await spill.add(std::move(entry), std::move(content));
}

// ------------------------------------------------------------------------------------------------------------- the sink

Ingest::Ingest(Pools& pools, PackDestination& destination, const ChunkIndex& index, SealingContext sealing, SourceKeys keys,
               IngestOptions options, std::unique_ptr<PreviousBackup> previous, KeptList previous_list)
    : state_{std::make_shared<State>(pools, destination, index, std::move(sealing), std::move(keys), std::move(options),
                                     std::move(previous), std::move(previous_list))} {}

Ingest::~Ingest() = default;

const PreviousBackup* Ingest::previous() const { return state_->options.read_everything ? nullptr : state_->previous.get(); }

Task<bool> Ingest::carry_over(Entry entry) {
    const std::vector<Entry> one{std::move(entry)};
    co_return (co_await carry_over_all(one)).front();
}

Task<std::vector<bool>> Ingest::carry_over_all(const std::vector<Entry>& entries) {
    auto& state = *state_;
    state.require_room();
    std::vector<bool> carried(entries.size());
    if (previous() == nullptr || !state.previous_list) co_return carried;
    auto look = [list = state.previous_list, &entries, began = state.previous->started_at(), &index = state.index] {
        std::vector<std::optional<Content>> found;
        for (const auto& entry : entries) found.push_back(list->find(entry, began, index));
        return found;
    };
    auto found = co_await on_pool(state.pools.cpu, std::move(look));
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (!found[i]) continue;
        carried[i] = true;
        state.rules->chunks_reused += found[i]->chunks.size();
        co_await state.record(entries[i], std::move(*found[i]));
    }
    co_return carried;
}

Task<std::vector<SmallFileRead>> Ingest::take_small_files(std::vector<SmallFile> files) {
    auto& state = *state_;
    if (files.size() > small_files_max) throw Error{Fault::defect, "too many small files at once"};
    std::vector<SmallJob> jobs;
    for (auto& file : files) jobs.push_back({.file = std::move(file), .read = {}, .content = {}});
    const auto held = co_await state.require_room().room(SmallFile::bytes_max);
    // This frame outlives the job: work() resumes only when it has ended.
    co_await state.room->work(jobs.size() * SmallFile::bytes_max,
                              [cutter = state.cutter_for(ChunkProfile::file), &jobs](ChunkBench& bench) {
                                  for (auto& job : jobs) take_small(bench, cutter, job);
                              });
    std::vector<SmallFileRead> read;
    for (auto& job : jobs) {
        read.push_back(std::move(job.read));
        if (!read.back().kept) continue;
        state.bytes_read += job.content.bytes;
        co_await state.record(std::move(job.file.entry), std::move(job.content));
    }
    co_return read;
}

Task<FileRead> Ingest::take_file(Entry entry, std::shared_ptr<const LocalFile> file, ChunkProfile profile,
                                 std::shared_ptr<BlockCheck> check) {
    auto& state = *state_;
    state.require_room();
    Content content;
    if (entry.size > region_bytes && profile == ChunkProfile::page)
        content = co_await state.take_regions(state.cutter_for(profile), entry.size, std::move(file), check);
    else if (entry.size > region_bytes)
        content = co_await state.take_stream(profile, entry.size, std::move(file), check);
    else if (entry.size > 0)
        content = co_await state.take_whole(state.cutter_for(profile), entry.size, std::move(file), check);

    FileRead read{.bytes = content.bytes, .reused_all = content.sealed == 0};
    state.bytes_read += read.bytes;
    if (check) read.kept = co_await on_pool(state.pools.cpu, [check] { return check->accept(); });
    if (!read.kept) co_return read;  // its chunks stay: the next try will mostly find them again
    entry.size = read.bytes;
    co_await state.record(std::move(entry), std::move(content));
    co_return read;
}

Task<> Ingest::add(Entry entry, Bytes content) {
    auto& state = *state_;
    state.require_room();
    entry.size = content.size();
    if (content.empty()) {
        co_await state.record(std::move(entry), {});
        co_return;
    }
    const auto writer = co_await open(std::move(entry), ChunkProfile::file);
    co_await writer->write(std::move(content));
    co_await writer->finish();
}

Task<std::unique_ptr<EntryWriter>> Ingest::open(Entry entry, ChunkProfile profile) {
    auto stream = state_->make_stream(co_await asio::this_coro::executor, profile);
    auto record = [state = state_.get()](Entry whole, Content content) -> Task<> {
        state->require_room();
        state->bytes_read += content.bytes;
        return state->record(std::move(whole), std::move(content));
    };
    co_return std::make_unique<StreamWriter>(std::move(stream), std::move(entry), std::move(record));
}

IngestTotals Ingest::totals() const noexcept {
    const auto& state = *state_;
    return {.files = state.files,
            .bytes_source = state.bytes_source,
            .bytes_read = state.bytes_read,
            .bytes_stored = state.room ? state.room->bytes_stored() : 0,
            .chunks_new = state.rules->chunks_new.load(),
            .chunks_reused = state.rules->chunks_reused.load()};
}

// ------------------------------------------------------------------------------------------------------------ the whole

Task<IngestResult> Ingest::run(std::function<Task<>(BackupSink&)> fill) {
    auto& state = *state_;
    co_await state.spill.open();
    if (previous() != nullptr && !state.previous_kept.path.empty()) {
        auto open = [kept = state.previous_kept] { return std::make_shared<const PreviousList>(PreviousList::open(kept)); };
        state.previous_list = co_await on_pool(state.pools.blocking, std::move(open));
    }
    IngestResult result;
    const auto executor = co_await asio::this_coro::executor;
    TaskGroup group{executor};
    const State::Open open{state, executor, group};
    co_await group.run(state.run_all(*this, std::move(fill), result));
    co_return result;
}

Task<> Ingest::State::run_all(Ingest& sink, std::function<Task<>(BackupSink&)> fill, IngestResult& result) {
    co_await fill(sink);
    ListStoring storing{.pools = pools,
                        .group = *group,
                        .room = room,
                        .index = index,
                        .stream = [this](asio::any_io_executor executor) { return make_stream(executor, ChunkProfile::stream); },
                        .entries_bytes_max = options.list_entries_bytes_max};
    co_await storing.close_packs();
    auto entries = co_await spill.finish();
    auto list_file = co_await storing.store(std::move(entries), options.scratch, result);
    result.list.set_id_key(id_key.view().data(), id_key.view().size());
    result.totals = sink.totals();
    auto gather = [shared = rules, known = static_cast<PackNumber>(index.packs().size())] {
        std::vector<ChunkIndex::Addition> additions;
        additions.reserve(shared->seen.size());
        shared->seen.drain([&](const PlacedChunk& chunk) {
            additions.push_back({.id = chunk.id,
                                 .pack = chunk.place.pack - known,
                                 .offset = chunk.place.offset,
                                 .sealed_length = chunk.place.sealed_length});
        });
        return additions;
    };
    result.additions = co_await on_pool(pools.cpu, std::move(gather));
    result.list_file.path = list_file.keep();
}

}  // namespace varve

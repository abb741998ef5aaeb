// Recall::write: gather what is wanted, leave out what is there, fetch each pack once, write in place.
#include <algorithm>

#include "pipeline/recall_state.hpp"
#include "pipeline/restored_files.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

std::vector<std::filesystem::path> paths_of(const std::vector<FileTarget>& targets) {
    std::vector<std::filesystem::path> paths;
    paths.reserve(targets.size());
    for (const auto& target : targets) paths.push_back(target.path);
    return paths;
}

/// One call of write().
struct Writing {
    Writing(std::vector<FileTarget> given, WriteMode with, std::shared_ptr<const RecallList> from)
        : targets{std::move(given)},
          mode{with},
          list{std::move(from)},
          files{paths_of(targets), with},
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
};

/// What one pack's visit did, or could not.
struct Visit {
    struct Harm {
        std::string what;
        std::uint32_t file;
    };
    std::uint64_t bytes_written = 0;
    std::vector<Harm> harms;
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

/// Sends what was written on to the disk, stretch by stretch.
class Writeback {
public:
    explicit Writeback(RestoredFiles& files) : files_{files} {}
    Writeback(const Writeback&) = delete;
    Writeback& operator=(const Writeback&) = delete;
    ~Writeback() { send(); }

    void wrote(std::uint32_t file, std::uint64_t at, std::uint64_t length) {
        if (file != file_ || at != end_ || end_ - begin_ >= stretch_bytes_max) {
            send();
            file_ = file;
            begin_ = at;
        }
        end_ = at + length;
    }

private:
    static constexpr std::uint64_t stretch_bytes_max = 4U << 20;

    void send() const {
        if (end_ > begin_) files_.begin_writeback(file_, begin_, end_);
    }

    RestoredFiles& files_;
    std::uint32_t file_ = 0;
    std::uint64_t begin_ = 0, end_ = 0;
};

/// Decodes each chunk once and writes it to every place that wants it. cpu pool.
Visit write_chunks(OpenedPack& pack, std::span<const WantedChunk> chunks, RestoredFiles& files) {
    Visit visit;
    Writeback writeback{files};
    Bytes plain;
    for (auto begin = chunks.begin(); begin != chunks.end();) {
        const auto other = [&first = begin->entry](const WantedChunk& chunk) {
            return chunk.entry.offset != first.offset || chunk.entry.id != first.id;
        };
        const auto end = std::find_if(begin, chunks.end(), other);
        std::string harm;
        try {
            pack.read(begin->entry, plain);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            harm = error.sentence();
        }
        for (; begin != end; ++begin) {
            if (!harm.empty()) {
                visit.harms.push_back({.what = harm, .file = begin->file});
                continue;
            }
            if (plain.size() != begin->length) {
                visit.harms.push_back(
                    {.what = pack.name() + ": a chunk has another length than the file list says", .file = begin->file});
                continue;
            }
            files.write(begin->file, begin->at, plain);
            writeback.wrote(begin->file, begin->at, plain.size());
            visit.bytes_written += plain.size();
        }
    }
    return visit;
}

/// Brings the chunks of one pack to their files. io thread.
Task<> restore_pack(Recall::State& state, std::shared_ptr<Writing> writing, std::span<const WantedChunk> chunks) {
    std::shared_ptr<OpenedPack> pack;
    std::string harm;
    try {
        pack = co_await state.shelf.fetch(chunks.front().pack);
    } catch (const Error& error) {
        if (!is_damage(error)) throw;
        harm = error.sentence();
    }
    ++state.progress.packs_read;
    Visit visit;
    if (pack) {
        auto write = [pack, writing, chunks] { return write_chunks(*pack, chunks, writing->files); };
        visit = co_await on_pool(state.pools.cpu, std::move(write));
    } else {
        for (const auto& chunk : chunks) visit.harms.push_back({.what = harm, .file = chunk.file});
    }
    state.progress.bytes_written += visit.bytes_written;
    for (const auto& each : visit.harms) mark_harmed(*writing, each.what, each.file);
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

/// Packs that were written one after the other hold parts of one file, and two writers of a file wait for each other: so the
/// workers begin at both halves.
std::vector<std::span<const WantedChunk>> from_both_halves(const std::vector<std::span<const WantedChunk>>& groups) {
    std::vector<std::span<const WantedChunk>> order;
    const auto half = (groups.size() + 1) / 2;
    for (std::size_t i = 0; i < half; ++i) {
        order.push_back(groups[i]);
        if (half + i < groups.size()) order.push_back(groups[half + i]);
    }
    return order;
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
        auto groups = co_await on_pool(state->pools.cpu, [writing] { return from_both_halves(by_pack(writing->wanted)); });
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

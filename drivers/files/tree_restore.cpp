#include "files/tree_restore.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <memory>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include "files/selection.hpp"
#include "files/tree_reader.hpp"
#include "files/tree_writer.hpp"
#include "varve/error.hpp"

namespace varve::files {
namespace {

constexpr std::size_t entries_at_once = 512;
constexpr std::size_t files_at_once = 32768;  // a pack that holds content of two such lots is fetched twice

/// Hands the entries of a list to the blocking pool, many at a time.
class InBatches final : public EntryVisitor {
public:
    using Work = std::function<void(const Entry&)>;
    using After = std::function<Task<>()>;  ///< a batch
    InBatches(asio::thread_pool& pool, Work work, After after) : pool_{pool}, work_{std::move(work)}, after_{std::move(after)} {}

    Task<> visit(const Entry& entry) override {
        batch_.push_back(entry);
        if (batch_.size() >= entries_at_once) co_await flush();
    }
    Task<> flush() {
        co_await on_pool(pool_, [this, batch = std::exchange(batch_, {})] {
            for (const auto& entry : batch) work_(entry);
        });
        if (after_) co_await after_();
    }

private:
    asio::thread_pool& pool_;
    Work work_;
    After after_;
    std::vector<Entry> batch_;
};

Task<> for_each_entry(RestoreSource& base, asio::thread_pool& pool, InBatches::Work work, InBatches::After after = {}) {
    InBatches batches{pool, std::move(work), std::move(after)};
    co_await base.each(batches);
    co_await batches.flush();
}

/// Makes what is no file, and gives everything its owner, mode and times, several hands at once. Folders are only collected:
/// what is made in them changes their times.
class Completing final : public EntryVisitor {
public:
    Completing(const TreeWriter& writer, const Selection& selection, ContentWritten& written, asio::thread_pool& pool)
        : selection_{selection}, written_{written}, pool_{pool} {
        while (hands_.size() < hands_max) hands_.push_back(writer.another());
    }

    Task<> visit(const Entry& entry) override {
        if (entry.kind == EntryKind::directory && selection_.has_folder(entry)) folders_.push_back(entry);
        if (entry.kind == EntryKind::directory || !selection_.has(entry)) co_return;
        batch_.push_back(entry);
        if (batch_.size() >= batch_max) co_await flush();
    }
    Task<> flush() {
        std::atomic<std::size_t> next = 0;
        co_await in_group([&](TaskGroup& group) -> Task<> {
            for (const auto& hand : hands_) group.spawn(on_pool(pool_, [this, &next, &hand] { complete(*hand, next); }));
            co_return;
        });
        // A second name comes behind the first one: that is there now.
        co_await on_pool(pool_, [this] {
            for (const auto& entry : batch_)
                if (entry.kind == EntryKind::hardlink) link(entry);
        });
        batch_.clear();
    }

    const std::vector<Entry>& folders() const noexcept { return folders_; }
    NotSet not_set() const {
        NotSet all;
        for (const auto& hand : hands_) all.add(hand->not_set());
        return all;
    }

private:
    static constexpr std::size_t hands_max = 4, batch_max = 2048, slice = 64;  // neighbours have their folder in common

    /// What of the batch nobody has begun with.
    void complete(TreeWriter& hand, std::atomic<std::size_t>& next) const {
        for (auto begin = next.fetch_add(slice); begin < batch_.size(); begin = next.fetch_add(slice)) {
            for (const auto& entry : std::span{batch_}.subspan(begin, std::min(slice, batch_.size() - begin))) {
                if (entry.kind == EntryKind::hardlink || written_.harmed.contains(entry.path)) continue;
                hand.make_other(entry);
                hand.finish(entry);
            }
        }
    }
    /// A second name of a file that could not be had cannot be had either.
    void link(const Entry& entry) {
        if (written_.harmed.contains(entry.link_target)) written_.harmed.insert(entry.path);
        if (written_.harmed.contains(entry.path)) return;
        const auto restored_as = selection_.relinked(entry);
        hands_.front()->make_other(restored_as);
        hands_.front()->finish(restored_as);
    }

    const Selection& selection_;
    ContentWritten& written_;
    asio::thread_pool& pool_;
    std::vector<std::unique_ptr<TreeWriter>> hands_;
    std::vector<Entry> batch_, folders_;
};

/// What was asked for, and its size.
struct Asked {
    Selection selection;
    std::uint64_t bytes = 0;
};

Task<std::shared_ptr<const Asked>> look_through(const RestoreRequest& request, RestoreSource& base, asio::thread_pool& pool) {
    const auto asked = std::make_shared<Asked>(Asked{.selection = Selection{request.include}});
    auto& selection = asked->selection;
    if (!selection.is_everything()) {
        co_await for_each_entry(base, pool, [&selection](const Entry& entry) { selection.look(entry); });
        selection.settle();
    }
    const auto add = [&](const Entry& entry) {
        if (entry.kind == EntryKind::file && !selection.content_path(entry).empty()) asked->bytes += entry.size;
    };
    co_await for_each_entry(base, pool, add);
    co_return asked;
}

/// Refuses what must not be written. Blocks.
void check_place(const RestoreRequest& request, std::uint64_t bytes) {
    check_target(request.to, request.owner);
    const auto room = free_bytes(request.to);
    if (room >= bytes) return;
    throw Error{Fault::refused, "the restore writes " + std::to_string(bytes >> 20) + " MiB to " + request.to.string() +
                                    ", which has room for " + std::to_string(room >> 20) + " MiB"}
        .hint("Free space there, or restore to a larger filesystem. Nothing was written.");
}

Task<std::shared_ptr<const Asked>> prepare_tree(const RestoreRequest& request, RestoreSource& base, Pools& pools) {
    if (request.mode != WriteMode::create) {
        throw Error{Fault::unsupported, "a tree of files is restored to a new directory only"}.hint(
            "Name a directory that does not exist, and move what you need from there.");
    }
    const auto asked = co_await look_through(request, base, pools.blocking);
    co_await on_pool(pools.blocking, [&request, bytes = asked->bytes] { check_place(request, bytes); });
    co_return asked;
}

}  // namespace

Task<RestoreOutlook> preview_tree(RestoreRequest request, RestoreSource& base, Pools& pools) {
    const auto asked = co_await prepare_tree(request, base, pools);
    RestoreOutlook outlook;
    outlook.bytes = asked->bytes;
    co_return outlook;
}

Task<Restored> restore_tree(RestoreRequest request, RestoreSource& base, Pools& pools) {
    const auto asked = co_await prepare_tree(request, base, pools);
    const auto& selection = asked->selection;
    auto& pool = pools.blocking;
    const auto writer = co_await on_pool(pool, [request] { return std::make_shared<TreeWriter>(request.to, request.owner); });
    const auto held = co_await on_pool(
        pool, [request] { return std::make_shared<HeldFilesystems>(std::vector<std::filesystem::path>{request.to}); });

    std::vector<FileTarget> files;
    const auto prepare = [&](const Entry& entry) {
        if (entry.kind == EntryKind::directory && selection.has_folder(entry)) writer->make_folder(entry);
        if (entry.kind != EntryKind::file) return;
        auto restored_as = entry;
        restored_as.path = selection.content_path(entry);
        if (restored_as.path.empty()) return;
        writer->make_folders_above(restored_as);
        files.push_back(
            {entry, writer->place_of(restored_as), writer->root(), entry.attributes.contains(std::string{sparse_mark})});
    };
    ContentWritten written;
    const auto write = [&]() -> Task<> {
        auto lot = co_await base.write(std::exchange(files, {}), WriteMode::create);
        written.bytes += lot.bytes;
        std::ranges::move(lot.damage, std::back_inserter(written.damage));
        written.harmed.merge(lot.harmed);
    };
    const auto write_when_many = [&]() -> Task<> {
        if (files.size() >= files_at_once) co_await write();
    };
    co_await for_each_entry(base, pool, prepare, write_when_many);
    co_await write();
    Restored restored;
    restored.bytes_written = written.bytes;

    Completing completing{*writer, selection, written, pool};
    co_await in_group([&](TaskGroup& group) -> Task<> {
        group.spawn(on_pool(pool, [held] { held->sync(); }));  // the disk begins with the content: less is left for the end
        co_await base.each(completing);
        co_await completing.flush();
    });

    const auto finish_folders = [&] {
        const auto& folders = completing.folders();
        // A folder's time changes with what is made in it, and its mode may shut us out: the deepest first.
        for (const auto& folder : folders | std::views::reverse) {
            if (folder.path != ".") writer->finish(folder);
        }
        for (const auto& folder : folders) {
            if (folder.path == ".") writer->finish(folder);
        }
        held->sync();
    };
    co_await on_pool(pool, finish_folders);
    written.require_whole(
        "Everything else was restored. Heal the pack from another copy, or take these files from another backup.");

    restored.next_step = "The files are in " + request.to.string() + ".";
    auto not_set = completing.not_set();
    not_set.add(writer->not_set());
    if (const auto missing = not_set.sentence(); !missing.empty()) restored.next_step += " " + missing;
    co_return restored;
}

}  // namespace varve::files

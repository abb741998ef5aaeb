#include "files/tree_restore.hpp"

#include <functional>
#include <memory>
#include <ranges>
#include <utility>
#include <vector>

#include "files/tree_writer.hpp"
#include "varve/error.hpp"

namespace varve::files {
namespace {

constexpr std::size_t entries_at_once = 512;

/// Hands the entries of a list to the blocking pool, many at a time.
class InBatches final : public EntryVisitor {
public:
    using Work = std::function<void(const Entry&)>;
    InBatches(asio::thread_pool& pool, Work work) : pool_{pool}, work_{std::move(work)} {}

    Task<> visit(const Entry& entry) override {
        batch_.push_back(entry);
        if (batch_.size() >= entries_at_once) co_await flush();
    }
    Task<> flush() {
        co_await on_pool(pool_, [this, batch = std::exchange(batch_, {})] {
            for (const auto& entry : batch) work_(entry);
        });
    }

private:
    asio::thread_pool& pool_;
    Work work_;
    std::vector<Entry> batch_;
};

Task<> for_each_entry(RestoreSource& base, asio::thread_pool& pool, InBatches::Work work) {
    InBatches batches{pool, std::move(work)};
    co_await base.each(batches);
    co_await batches.flush();
}

}  // namespace

Task<Restored> restore_tree(RestoreRequest request, RestoreSource& base, Pools& pools) {
    if (request.mode != WriteMode::create) {
        throw Error{Fault::unsupported, "a tree of files is restored to a new directory only"}.hint(
            "Name a directory that does not exist, and move what you need from there.");
    }
    auto& pool = pools.blocking;
    const auto writer = co_await on_pool(pool, [request] { return std::make_shared<TreeWriter>(request.to, request.owner); });

    std::vector<FileTarget> files;
    const auto prepare = [&](const Entry& entry) {
        if (entry.kind == EntryKind::directory) writer->make_folder(entry);
        if (entry.kind != EntryKind::file) return;
        writer->make_folders_above(entry);
        files.push_back({entry, writer->place_of(entry)});
    };
    co_await for_each_entry(base, pool, prepare);

    Restored restored;
    restored.bytes_written = co_await base.write(std::move(files), WriteMode::create);

    std::vector<Entry> folders;
    const auto complete = [&](const Entry& entry) {
        if (entry.kind == EntryKind::directory) {
            folders.push_back(entry);
            return;
        }
        writer->make_other(entry);
        writer->finish(entry);
    };
    co_await for_each_entry(base, pool, complete);

    const auto finish_folders = [&] {
        // A folder's time changes with what is made in it, and its mode may shut us out: the deepest first.
        for (const auto& folder : folders | std::views::reverse) {
            if (folder.path != ".") writer->finish(folder);
        }
        for (const auto& folder : folders) {
            if (folder.path == ".") writer->finish(folder);
        }
        sync_tree(request.to);
    };
    co_await on_pool(pool, finish_folders);

    restored.next_step = "The files are in " + request.to.string() + ".";
    if (const auto missing = writer->not_set().sentence(); !missing.empty()) restored.next_step += " " + missing;
    co_return restored;
}

}  // namespace varve::files

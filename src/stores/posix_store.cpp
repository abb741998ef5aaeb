#include "stores/posix_store.hpp"

#include <atomic>
#include <iterator>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "stores/object_key.hpp"
#include "stores/posix_files.hpp"
#include "varve/error.hpp"

namespace varve {

using posix_files::Root;
using posix_files::SyncFailed;

/// Whether this object may still be believed. After a failed fsync the kernel may have dropped data that later calls of fsync
/// report as written, so nothing goes on: what was put since the last barrier is put again through a new object.
struct PosixStore::Health {
    std::once_flag swept;

    void check() {
        if (poisoned) throw refusal();
    }
    [[noreturn]] void poison(const std::string& sentence) {
        {
            const std::lock_guard lock{mutex};
            if (why.empty()) why = sentence;
        }
        poisoned = true;
        throw refusal();
    }

private:
    Error refusal() {
        const std::lock_guard lock{mutex};
        return Error{Fault::refused, "the store stopped after a failed fsync: " + why}
            .code("store_poisoned", 1)
            .hint("Check the disk and the kernel's log, then start again: what was not yet durable is written anew.");
    }
    std::atomic<bool> poisoned{false};
    std::mutex mutex;
    std::string why;
};

namespace {

std::string folder_of(const std::string& key) {
    const auto slash = key.rfind('/');
    return slash == std::string::npos ? std::string{} : key.substr(0, slash);
}

/// The folder itself and all above it, up to the store's own directory ("").
std::vector<std::string> with_parents(std::string folder) {
    std::vector<std::string> all{folder};
    while (!folder.empty()) all.push_back(folder = folder_of(folder));
    return all;
}

}  // namespace

PosixStore::PosixStore(std::filesystem::path directory, asio::thread_pool& blocking, Clock& clock)
    : directory_{std::move(directory)}, blocking_{blocking}, clock_{clock}, health_{std::make_shared<Health>()} {}
PosixStore::~PosixStore() = default;

void PosixStore::create(const std::filesystem::path& directory) { posix_files::create_root(directory); }

StoreTraits PosixStore::traits() const noexcept {
    return {.creates_if_absent = true, .locks_objects = false, .parallel_requests = 4};
}

/// `work(root)` on the pool. A failed fsync poisons the store, and what ends after that is not believed either.
template <class Work>
auto PosixStore::at_root(Work work) {
    return on_pool(blocking_, [health = health_, directory = directory_, work = std::move(work)]() mutable {
        health->check();
        try {
            const auto root = posix_files::open_root(directory);
            if constexpr (std::is_void_v<decltype(work(root))>) {
                work(root);
                health->check();
            } else {
                auto value = work(root);
                health->check();
                return value;
            }
        } catch (const SyncFailed& failure) {
            health->poison(failure.sentence);
        }
    });
}

void PosixStore::touched(const ObjectKey& key) { unsynced_[folder_of(key.text())] = ++change_; }

Task<> PosixStore::put(ObjectKey key, ByteView body, PutOptions) {
    check_key(key);
    co_await at_root([health = health_, key, body](const Root& root) {
        std::call_once(health->swept, [&root] { posix_files::sweep(root); });
        posix_files::put(root, key.text(), body);
    });
    touched(key);
}

Task<> PosixStore::barrier() {
    if (!barriers_) barriers_ = std::make_unique<Budget>(co_await asio::this_coro::executor, 1);
    const auto turn = co_await barriers_->take(1);
    const auto covered = change_;
    std::set<std::string> folders;
    for (const auto& [folder, change] : unsynced_) {
        // A directory on the way may be as new as the object, made by us or by a process that died before it synced it.
        for (auto& above : with_parents(folder)) {
            if (above == folder || !synced_folders_.contains(folder)) folders.insert(std::move(above));
        }
    }
    co_await at_root([folders](const Root& root) {
        for (const auto& folder : folders) posix_files::sync_folder(root, folder);
    });
    std::erase_if(unsynced_, [covered](const auto& entry) { return entry.second <= covered; });
    synced_folders_.insert(folders.begin(), folders.end());
}

Task<Bytes> PosixStore::get(ObjectKey key, ByteRange range) {
    check_key(key);
    co_return co_await at_root([key, range](const Root& root) { return posix_files::get(root, key.text(), range); });
}

Task<std::optional<ObjectInfo>> PosixStore::find(ObjectKey key) {
    check_key(key);
    co_return co_await at_root([key](const Root& root) { return posix_files::find(root, key.text()); });
}

Task<> PosixStore::list(std::string prefix, std::string after, ObjectVisitor& visitor) {
    // Depth first, each folder entered where it sorts; the next entry is the last of the stack.
    const auto start = prefix.substr(0, prefix.rfind('/') + 1);
    std::vector<posix_files::Listed> next{{start, true, {}}};
    while (!next.empty()) {
        const auto entry = std::move(next.back());
        next.pop_back();
        const auto& key = entry.key;
        if (!key.starts_with(prefix) && !(entry.is_folder && prefix.starts_with(key))) continue;
        if (!entry.is_folder) {
            if (key > after && !visitor.visit(entry.object)) co_return;
            continue;
        }
        if (key < after && !after.starts_with(key)) continue;
        const auto absent = key == start ? posix_files::Absent::is_empty : posix_files::Absent::is_error;
        auto entries = co_await at_root([key, absent](const Root& root) { return posix_files::list(root, key, absent); });
        std::move(entries.rbegin(), entries.rend(), std::back_inserter(next));
    }
}

Task<> PosixStore::remove(ObjectKey key) {
    check_key(key);
    co_await at_root([key](const Root& root) { posix_files::remove(root, key.text()); });
    touched(key);
}

Task<Instant> PosixStore::now() {
    co_await at_root([](const Root&) {});
    co_return clock_.now();
}

}  // namespace varve

/// A repository in a directory: the key is the path below it, unfinished files lie in `tmp/`. See docs/repository-format.md.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "varve/async.hpp"
#include "varve/clock.hpp"
#include "varve/store.hpp"

namespace varve {

/// Any directory on a filesystem with hard links and a truthful fsync. Retention locks are not honoured. The directory is looked
/// up anew for each call: while its disk is away, every call throws Fault::unreachable with the code `repository_missing`, and
/// nothing is ever created in its place.
class PosixStore final : public Store {
public:
    /// Touches nothing yet. `blocking` does the work; `clock` is the store's clock.
    PosixStore(std::filesystem::path directory, asio::thread_pool& blocking, Clock& clock);
    ~PosixStore() override;

    /// Makes the directory of a new store, durably; one that is there stays as it is. Blocks.
    /// Fault::conflict when the directory holds something else.
    static void create(const std::filesystem::path& directory);

    StoreTraits traits() const noexcept override;
    Task<> put(ObjectKey key, ByteView body, PutOptions options = {}) override;
    Task<> barrier() override;
    Task<Bytes> get(ObjectKey key, ByteRange range = ByteRange::all()) override;
    Task<std::optional<ObjectInfo>> find(ObjectKey key) override;
    Task<> list(std::string prefix, std::string after, ObjectVisitor& visitor) override;
    Task<> remove(ObjectKey key) override;
    Task<Instant> now() override;

private:
    struct Health;
    template <class Work>
    auto at_root(Work work);
    void touched(const ObjectKey& key);

    std::filesystem::path directory_;
    asio::thread_pool& blocking_;
    Clock& clock_;
    std::shared_ptr<Health> health_;                 // shared with the pool
    std::map<std::string, std::uint64_t> unsynced_;  // folder -> number of the last change in it
    std::set<std::string> synced_folders_;           // folders whose own entries above them this object made durable
    std::uint64_t change_ = 0;
    std::unique_ptr<Budget> barriers_;  // one at a time; made at the first, when the executor is known
};

}  // namespace varve

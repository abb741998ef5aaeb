/// A repository in memory, with its keys: what tests of the repository and of jobs start from.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <vector>

#include "repository/backup_commit.hpp"
#include "repository/repository.hpp"
#include "stores/memory_store.hpp"
#include "support/manual_clock.hpp"
#include "support/run.hpp"

namespace varve::test {

/// `copies` memory stores, the first required, the others not. The host's key ring is that of `mode`.
class TestRepository {
public:
    explicit TestRepository(RepositoryMode mode = RepositoryMode::managed, std::size_t copies = 1);

    /// The copies, each seen through what `wrap` makes of it; by default as they are.
    using Wrap = std::function<std::shared_ptr<Store>(std::shared_ptr<Store>, std::size_t)>;
    std::shared_ptr<Copies> copies(const Wrap& wrap = {});
    std::unique_ptr<Repository> open(const KeyRing& ring, const Wrap& wrap = {});
    /// As this host.
    std::unique_ptr<Repository> open(const Wrap& wrap = {}) { return open(keys.host_keys, wrap); }
    /// Turns one bit of an object in one copy.
    void damage(std::size_t copy, const ObjectKey& key, std::size_t offset);
    /// Keys of one copy that begin with `prefix`.
    std::vector<ObjectKey> keys_below(const std::string& prefix, std::size_t copy = 0) const;

    asio::io_context io;
    TestPools pools;
    ManualClock clock;
    std::vector<std::shared_ptr<MemoryStore>> stores;
    NewRepository keys;
};

inline const SourceName test_source{"pg/main"};

/// A pack of these chunks, sealed for the test source.
SealedObject seal_pack(const Repository& repository, const std::vector<Bytes>& chunks);
/// Begins a backup whose one pack holds `chunks` and commits it. Every step goes through the repository's copies.
Task<CommittedBackup> store_backup(Repository& repository, std::vector<Bytes> chunks);
/// A log object [from, to) of one lineage; its bytes are `byte`, over and over.
Task<ObjectKey> store_log(Repository& repository, LineageName lineage, std::uint64_t from, std::uint64_t to,
                          std::uint8_t byte = 7);

}  // namespace varve::test

#include "support/test_repository.hpp"

#include "repository/object_keys.hpp"

namespace varve::test {

TestRepository::TestRepository(RepositoryMode mode, std::size_t copies_wanted) : clock{io.get_executor()} {
    for (std::size_t i = 0; i < copies_wanted; ++i) stores.push_back(std::make_shared<MemoryStore>(clock));
    keys = run(io, Repository::create(*copies(), mode, "db1"));
}

std::shared_ptr<Copies> TestRepository::copies(const Wrap& wrap) {
    std::vector<Copy> all;
    for (std::size_t i = 0; i < stores.size(); ++i) {
        std::shared_ptr<Store> store = stores[i];
        all.push_back(
            {.name = RepositoryName{"copy" + std::to_string(i)}, .store = wrap ? wrap(store, i) : store, .required = i == 0});
    }
    return std::make_shared<Copies>(std::move(all));
}

std::unique_ptr<Repository> TestRepository::open(const KeyRing& ring, const Wrap& wrap) {
    return run(io, Repository::open(copies(wrap), ring, pools.pools));
}

void TestRepository::damage(std::size_t copy, const ObjectKey& key, std::size_t offset) {
    stores.at(copy)->bytes_of(key).at(offset) ^= 1;
}

std::vector<ObjectKey> TestRepository::keys_below(const std::string& prefix, std::size_t copy) const {
    std::vector<ObjectKey> found;
    for (const auto& key : stores.at(copy)->keys()) {
        if (key.starts_with(prefix)) found.emplace_back(key);
    }
    return found;
}

SealedObject seal_pack(const Repository& repository, const std::vector<Bytes>& chunks) {
    const auto keys = repository.source_keys(test_source);
    ObjectWriter writer{ObjectType::pack, repository.sealing(test_source), 0};
    format::PackStructure structure;
    for (const auto& chunk : chunks) {
        structure.add_sealed_lengths(writer.add(chunk, 3).sealed_length);
        const auto id = hmac_sha256(keys.id.view(), chunk);
        structure.mutable_chunk_ids()->append(id.begin(), id.end());
    }
    return writer.finish(view_of(structure.SerializeAsString()));
}

Task<CommittedBackup> store_backup(Repository& repository, std::vector<Bytes> chunks) {
    auto commit =
        co_await BackupCommit::begin(repository, test_source, RetentionRule{.monthly = KeepLength{.months = 12}}, PolicyZone{});
    auto pack = seal_pack(repository, chunks);
    format::ManifestStructure structure;
    structure.set_source(test_source.text());
    structure.set_stop_time(to_format(co_await repository.now()));
    auto& use = *structure.add_packs();
    use.set_name(std::string{pack.name.begin(), pack.name.end()});
    use.set_size(pack.bytes.size());
    use.set_folder(commit->folder());
    co_await commit->put_pack(std::move(pack));
    format::ManifestContent content;
    content.set_id_key(std::string{text_of(repository.source_keys(test_source).id.view())});
    content.set_list_levels(1);  // an empty list
    (*content.mutable_facts())["chunks"] = std::to_string(chunks.size());
    co_return co_await commit->commit(std::move(structure), std::move(content));
}

Task<ObjectKey> store_log(Repository& repository, LineageName lineage, std::uint64_t from, std::uint64_t to, std::uint8_t byte) {
    const auto keys = repository.source_keys(test_source);
    ObjectWriter writer{ObjectType::log, repository.sealing(test_source), 0};
    format::LogStructure structure;
    structure.set_source(test_source.text());
    structure.mutable_lineage()->set_name(lineage.text());
    structure.set_from(from);
    structure.set_to(to);
    structure.add_frame_from(from);
    structure.add_sealed_lengths(writer.add(Bytes(to - from, byte), 3).sealed_length);
    const auto object = writer.finish(view_of(structure.SerializeAsString()));
    const auto now = co_await repository.now();
    auto key = log_key(stored_name(keys, test_source), stored_name(keys, lineage), from, to, now, object.name);
    Copies::Work work{repository.copies()};
    co_await work.put(key, object.bytes);
    co_await work.barrier();
    co_return key;
}

}  // namespace varve::test

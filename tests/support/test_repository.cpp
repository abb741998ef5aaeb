#include "support/test_repository.hpp"

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

}  // namespace varve::test

// What a log promises when there are several copies: no hole in any of them, no second object for a second try.
#include <catch2/catch.hpp>

#include "repository/log_catalog.hpp"
#include "repository/log_store.hpp"
#include "support/fault_of.hpp"
#include "support/faulty_stores.hpp"
#include "support/test_repository.hpp"

using namespace varve;
using namespace varve::test;

namespace {

const LineageName lineage{"7/1"};

std::shared_ptr<const LogBatch> batch_of(std::uint64_t from, std::uint64_t to) {
    LogBatch batch;
    batch.lineage = {.name = lineage, .begins_at = 0, .parent = {}, .facts = {}};
    batch.from = {lineage, from, std::to_string(from)};
    batch.to = {lineage, to, std::to_string(to)};
    batch.frames.push_back(Bytes(to - from, 9));
    batch.frame_from.push_back(from);
    return std::make_shared<const LogBatch>(std::move(batch));
}

/// Two required copies; the second one as `second` makes it.
std::unique_ptr<Repository> both_required(TestRepository& desk, std::shared_ptr<Store> second) {
    auto copies = std::make_shared<Copies>(
        std::vector<Copy>{{RepositoryName{"copy0"}, desk.stores[0], true}, {RepositoryName{"copy1"}, std::move(second), true}});
    return run(desk.io, Repository::open(copies, desk.keys.host_keys, desk.pools.pools));
}

}  // namespace

TEST_CASE("a batch that one required copy refuses is put there again as the same object") {
    TestRepository desk{RepositoryMode::managed, 2};
    const auto only = GENERATE(values<std::string>({"put", "barrier"}));
    auto flaky = std::make_shared<FailingAfter>(*desk.stores[1], 0, FailingAfter::Options{.once = true, .only = only});
    auto repository = both_required(desk, flaky);
    TaskGroup background{desk.io.get_executor()};
    LogStore store{*repository, test_source, "test", desk.clock, background};
    const auto batch = batch_of(0, 100);

    CHECK(fault_of([&] { run(desk.io, store.put_log(batch)); }) == Fault::unreachable);
    CHECK(desk.keys_below("log/", 0).size() == 1);
    run(desk.io, store.put_log(batch));
    run(desk.io, store.put_log(batch_of(100, 150)));

    CHECK(desk.keys_below("log/", 0).size() == 2);
    CHECK(desk.keys_below("log/", 0) == desk.keys_below("log/", 1));
    CHECK(store.state().durable.at(RepositoryName{"copy1"}).at == 150);
    CHECK(store.state().failing.empty());
}

TEST_CASE("a follower resumes where the required copy ends that is furthest behind") {
    TestRepository desk{RepositoryMode::managed, 2};
    auto repository = both_required(desk, desk.stores[1]);
    auto flaky = std::make_shared<FailingAfter>(*desk.stores[1], 0, FailingAfter::Options{.only = "put"});
    auto cut = both_required(desk, flaky);
    TaskGroup background{desk.io.get_executor()};
    LogStore whole{*repository, test_source, "test", desk.clock, background},
        broken{*cut, test_source, "test", desk.clock, background};
    run(desk.io, whole.put_log(batch_of(0, 100)));
    CHECK(fault_of([&] { run(desk.io, broken.put_log(batch_of(100, 150))); }) == Fault::unreachable);

    const auto catalog = run(desk.io, LogCatalog::read(*repository, test_source));

    REQUIRE(catalog.tip());
    CHECK(catalog.tip()->position == LogPosition{lineage, 100, "100"});
    CHECK(catalog.find(lineage)->newest.at == 150);
    CHECK_NOTHROW(catalog.require_required());
}

TEST_CASE("a follower does not resume while a required copy does not say what it has") {
    TestRepository desk{RepositoryMode::managed, 2};
    auto flaky = std::make_shared<FailingAfter>(*desk.stores[1], 0, FailingAfter::Options{.only = "list"});
    auto repository = both_required(desk, flaky);

    const auto catalog = run(desk.io, LogCatalog::read(*repository, test_source));

    CHECK(fault_of([&] { catalog.require_required(); }) == Fault::unreachable);
}

namespace {

/// A first copy that is required, and a second one that is not, as `second` makes it.
std::unique_ptr<Repository> one_optional(TestRepository& desk, std::shared_ptr<Store> second) {
    auto copies = std::make_shared<Copies>(
        std::vector<Copy>{{RepositoryName{"copy0"}, desk.stores[0], true}, {RepositoryName{"copy1"}, std::move(second), false}});
    return run(desk.io, Repository::open(copies, desk.keys.host_keys, desk.pools.pools));
}

class ThrowingStore final : public HookedStore {
public:
    explicit ThrowingStore(Store& inner) : HookedStore{inner} {}

private:
    Task<> before(std::string call, ObjectKey) override {
        if (call == "put") throw std::runtime_error{"not one of ours"};
        co_return;
    }
    Task<> after(std::string, ObjectKey) override { co_return; }
};

}  // namespace

TEST_CASE("a copy that missed a log object stays behind there until the object is found in it") {
    TestRepository desk{RepositoryMode::managed, 2};
    const RepositoryName second{"copy1"};
    auto flaky = std::make_shared<FailingAfter>(*desk.stores[1], 1, FailingAfter::Options{.once = true, .only = "put"});
    auto repository = one_optional(desk, flaky);
    TaskGroup background{desk.io.get_executor()};
    LogStore store{*repository, test_source, "test", desk.clock, background};
    const auto put = [&](std::uint64_t from, std::uint64_t to) {
        run(desk.io, store.put_log(batch_of(from, to)));
        run(desk.io, background.join());
    };

    put(0, 100);
    CHECK(store.state().failing.empty());
    put(100, 150);  // refused once
    put(150, 200);

    REQUIRE(store.state().failing.contains(second));
    CHECK(store.state().failing.at(second).find("behind since 100") != std::string::npos);
    CHECK(store.state().durable.at(second).at == 100);
    CHECK(store.state().durable_since.at(second) == desk.clock.now());
    CHECK(store.state().durable.at(RepositoryName{"copy0"}).at == 200);

    const auto missed = desk.keys_below("log/", 0).at(1);
    run(desk.io, desk.stores[1]->put(missed, desk.stores[0]->bytes_of(missed)));
    put(200, 250);
    CHECK(store.state().failing.empty());
    CHECK(store.state().durable.at(second).at == 250);
}

TEST_CASE("a copy that is not required may fail in any way without harm to the others") {
    TestRepository desk{RepositoryMode::managed, 2};
    auto repository = one_optional(desk, std::make_shared<ThrowingStore>(*desk.stores[1]));
    TaskGroup background{desk.io.get_executor()};
    LogStore store{*repository, test_source, "test", desk.clock, background};

    run(desk.io, store.put_log(batch_of(0, 100)));

    CHECK_NOTHROW(run(desk.io, background.join()));
    CHECK(store.state().failing.contains(RepositoryName{"copy1"}));
}

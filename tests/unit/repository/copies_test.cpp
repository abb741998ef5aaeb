#include "repository/copies.hpp"

#include <catch2/catch.hpp>

#include "stores/memory_store.hpp"
#include "support/fault_of.hpp"
#include "support/faulty_stores.hpp"
#include "support/manual_clock.hpp"
#include "support/run.hpp"

using namespace varve;
using namespace varve::test;

namespace {

struct Desk {
    asio::io_context io;
    ManualClock clock{io.get_executor()};
    std::shared_ptr<MemoryStore> first = std::make_shared<MemoryStore>(clock), second = std::make_shared<MemoryStore>(clock);
    Bytes body = to_bytes(view_of("an object"));
    ObjectKey key{"pack/" + to_hex(sha256(body))};

    static Copies two(std::shared_ptr<Store> a, std::shared_ptr<Store> b, bool second_required = false) {
        return Copies{{{.name = RepositoryName{"first"}, .store = std::move(a), .required = true},
                       {.name = RepositoryName{"second"}, .store = std::move(b), .required = second_required}}};
    }
    std::shared_ptr<Store> down(const std::shared_ptr<Store>& store, int calls = 0) {
        kept.push_back(store);
        return std::make_shared<FailingAfter>(*store, calls);
    }
    std::vector<std::shared_ptr<Store>> kept;
    void put(const std::shared_ptr<MemoryStore>& store) { run(io, store->put(key, body, {})); }
};

}  // namespace

TEST_CASE("an object is put into every copy") {
    Desk desk;
    auto copies = Desk::two(desk.first, desk.second);
    Copies::Work work{copies};

    run(desk.io, work.put(desk.key, desk.body));
    run(desk.io, work.barrier());

    CHECK(desk.first->bytes_of(desk.key) == desk.body);
    CHECK(desk.second->bytes_of(desk.key) == desk.body);
    CHECK(work.complete().size() == 2);
    CHECK(work.left_out().empty());
}

TEST_CASE("a copy that is not required and fails is left out of the rest of the work") {
    Desk desk;
    const auto calls = GENERATE(0, 1);  // the put fails, or the barrier
    auto copies = Desk::two(desk.first, desk.down(desk.second, calls));
    Copies::Work work{copies};

    run(desk.io, work.put(desk.key, desk.body));
    run(desk.io, work.barrier());
    const auto later = to_bytes(view_of("later"));
    run(desk.io, work.put(ObjectKey{"pack/" + to_hex(sha256(later))}, later));

    CHECK(work.complete() == std::vector{RepositoryName{"first"}});
    CHECK(work.left_out() == std::vector{RepositoryName{"second"}});
    CHECK(desk.first->size() == 2);
    CHECK(desk.second->size() == static_cast<std::size_t>(calls));
}

TEST_CASE("a required copy that fails ends the work with its error") {
    Desk desk;
    auto copies = Desk::two(desk.first, desk.down(desk.second), true);
    Copies::Work work{copies};

    CHECK(fault_of([&] { run(desk.io, work.put(desk.key, desk.body)); }) == Fault::unreachable);
}

TEST_CASE("a damaged copy is passed over, and only when every copy is damaged is the object corrupt") {
    Desk desk;
    desk.put(desk.first);
    desk.put(desk.second);
    auto copies = Desk::two(desk.first, desk.second);
    desk.first->bytes_of(desk.key)[3] ^= 1;

    CHECK(run(desk.io, copies.get(desk.key)) == desk.body);

    desk.second->bytes_of(desk.key).pop_back();
    CHECK(fault_of([&] { run(desk.io, copies.get(desk.key)); }) == Fault::corrupt);
}

TEST_CASE("an object is missing only when every copy answered that it has none") {
    Desk desk;
    auto both = Desk::two(desk.first, desk.second);
    auto one_down = Desk::two(desk.first, desk.down(desk.second));

    CHECK(fault_of([&] { run(desk.io, both.get(desk.key)); }) == Fault::missing);
    CHECK(fault_of([&] { run(desk.io, one_down.get(desk.key)); }) == Fault::unreachable);
    desk.put(desk.first);
    CHECK(run(desk.io, one_down.get(desk.key)) == desk.body);
    desk.first->bytes_of(desk.key)[0] ^= 1;
    CHECK(fault_of([&] { run(desk.io, one_down.get(desk.key)); }) == Fault::unreachable);
}

TEST_CASE("a listing is the union of the copies that answer, and says which copy has what") {
    Desk desk;
    desk.put(desk.second);
    auto copies = Desk::two(desk.first, desk.second);
    auto one_down = Desk::two(desk.first, desk.down(desk.second));
    auto none = Desk::two(desk.down(desk.first), desk.down(desk.second));

    const auto listing = run(desk.io, copies.list_held("pack/"));
    REQUIRE(listing.objects.size() == 1);
    CHECK(listing.objects[0].copies == std::vector{RepositoryName{"second"}});
    CHECK(listing.unanswered.empty());

    const auto partial = run(desk.io, one_down.list_held("pack/"));
    CHECK(partial.objects.empty());
    CHECK(partial.unanswered == std::vector{RepositoryName{"second"}});
    CHECK(fault_of([&] { run(desk.io, one_down.list("pack/", {}, Copies::Answers::all)); }) == Fault::unreachable);
    CHECK(fault_of([&] { run(desk.io, none.list("pack/")); }) == Fault::unreachable);
}

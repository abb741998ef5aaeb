#include "contract/store_contract.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/faulty_stores.hpp"
#include "support/run.hpp"
#include "varve/error.hpp"

namespace varve::test {
namespace {

Bytes pattern(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t n = 0; n < size; ++n) bytes[n] = static_cast<std::uint8_t>(n * 31 + n / 256);
    return bytes;
}

template <class T>
Fault fault_of(asio::io_context& io, Task<T> task) {
    try {
        run(io, std::move(task));
    } catch (...) {
        return error_of(std::current_exception()).fault();
    }
    FAIL("it did not fail");
    return Fault::defect;
}

void put_text(asio::io_context& io, Store& store, const std::string& key, std::string_view text) {
    run(io, store.put(ObjectKey{key}, view_of(text)));
}

void objects_are_created_once(asio::io_context& io, Store& store) {
    const ObjectKey key{"pack/ab/202611d/cd"};

    SECTION("an absent object has no info, and cannot be read or removed") {
        CHECK_FALSE(run(io, store.find(key)));
        CHECK(fault_of(io, store.get(key)) == Fault::missing);
        CHECK(fault_of(io, store.remove(key)) == Fault::missing);
    }
    SECTION("what was put comes back, whatever its size") {
        const auto body = pattern(GENERATE(0, 1, 4096, 3'000'001));
        run(io, store.put(key, body));
        run(io, store.barrier());

        CHECK(run(io, store.get(key)) == body);
        const auto info = run(io, store.find(key));
        REQUIRE(info);
        CHECK(info->key == key);
        CHECK(info->size_bytes == body.size());
    }
    SECTION("the same bytes again are a success, other bytes are a conflict and change nothing") {
        put_text(io, store, key.text(), "first");
        CHECK_NOTHROW(put_text(io, store, key.text(), "first"));
        CHECK(fault_of(io, store.put(key, view_of("other"))) == Fault::conflict);
        CHECK(fault_of(io, store.put(key, view_of("firs"))) == Fault::conflict);
        CHECK(fault_of(io, store.put(key, view_of("first and more"))) == Fault::conflict);
        CHECK(text_of(run(io, store.get(key))) == "first");
    }
    SECTION("several puts of one object at once are all a success") {
        const auto body = pattern(100'000);
        std::vector<int> writers{1, 2, 3, 4};
        auto write = [&](int) -> Task<> { co_await store.put(key, body); };
        run(io, for_each_limited(4, writers, write));
        CHECK(run(io, store.get(key)) == body);
    }
    SECTION("a removed object is gone, and may be put again") {
        put_text(io, store, key.text(), "first");
        run(io, store.remove(key));
        run(io, store.barrier());

        CHECK_FALSE(run(io, store.find(key)));
        CHECK(run(io, list_keys(store)).empty());
        put_text(io, store, key.text(), "second");
        CHECK(text_of(run(io, store.get(key))) == "second");
    }
    SECTION("a folder on the way to an object is no object") {
        put_text(io, store, "a/b/c", "x");
        CHECK_FALSE(run(io, store.find(ObjectKey{"a/b"})));
        CHECK(fault_of(io, store.get(ObjectKey{"a/b"})) == Fault::missing);
        CHECK(fault_of(io, store.get(ObjectKey{"a/b/c/d"})) == Fault::missing);
        CHECK(fault_of(io, store.remove(ObjectKey{"a"})) == Fault::missing);
    }
    SECTION("a key that could lead out of the store is refused") {
        const auto text = GENERATE("", "/a", "a/", "a//b", "../a", "a/../b", "a/.b", "tmp/a", "a b", "a\nb", "\xc3\xa4");
        CAPTURE(text);
        CHECK(fault_of(io, store.put(ObjectKey{text}, view_of("x"))) == Fault::invalid);
        CHECK(fault_of(io, store.get(ObjectKey{text})) == Fault::invalid);
    }
}

void ranges_are_exact(asio::io_context& io, Store& store) {
    const ObjectKey key{"pack/one"};
    put_text(io, store, key.text(), "0123456789");
    auto get = [&](ByteRange range) {
        const auto bytes = run(io, store.get(key, range));
        return std::string{text_of(bytes)};
    };

    SECTION("a part is read from the front, from the back, and short only at the end") {
        CHECK(get(ByteRange::at(0, 3)) == "012");
        CHECK(get(ByteRange::at(4, 2)) == "45");
        CHECK(get(ByteRange::at(8, 100)) == "89");
        CHECK(get(ByteRange::at(10, 1)).empty());
        CHECK(get(ByteRange::at(100, 1)).empty());
        CHECK(get(ByteRange::at(3, UINT64_MAX)) == "3456789");
        CHECK(get(ByteRange::last(4)) == "6789");
        CHECK(get(ByteRange::last(0)).empty());
        CHECK(get(ByteRange::last(100)) == "0123456789");
    }
}

void listings_are_whole_and_in_order(asio::io_context& io, Store& store) {
    // `-` sorts before `/`, and `0` after it: a walk by directories must not be taken for byte order.
    std::vector<std::string> keys{"a/b/c", "a/b-1",           "a/b/d",           "a/b0",       "a-1", "a/a",
                                  "b",     "log/1/0001-0002", "log/1/0002-0003", "log/10/0001"};
    for (const auto& key : keys) put_text(io, store, key, key);
    std::ranges::sort(keys);

    SECTION("every object once, in byte order of keys") { CHECK(run(io, list_keys(store)) == keys); }
    SECTION("only what begins with the prefix, which may end inside a component") {
        CHECK(run(io, list_keys(store, "a/b")) == std::vector<std::string>{"a/b-1", "a/b/c", "a/b/d", "a/b0"});
        CHECK(run(io, list_keys(store, "log/1/")) == std::vector<std::string>{"log/1/0001-0002", "log/1/0002-0003"});
        CHECK(run(io, list_keys(store, "log/1")).size() == 3);
        CHECK(run(io, list_keys(store, "nothing/here")).empty());
        CHECK(run(io, list_keys(store, "a/a/a")).empty());
    }
    SECTION("only what sorts after a key, which need not exist") {
        for (const std::string after : {"a/b", "a/b/", "a/b/c", "a/b/cc", "a/a", "0", "zzz", "a/b-1"}) {
            std::vector<std::string> expected;
            std::ranges::copy_if(keys, std::back_inserter(expected), [&](const auto& key) { return key > after; });
            CAPTURE(after);
            CHECK(run(io, list_keys(store, "", after)) == expected);
        }
        CHECK(run(io, list_keys(store, "log/1/", "log/1/0001-0002")) == std::vector<std::string>{"log/1/0002-0003"});
    }
    SECTION("a visitor that has enough ends the listing") {
        Listing listing{2};
        run(io, store.list("", "", listing));
        CHECK(listing.keys() == std::vector<std::string>{keys[0], keys[1]});
    }
    SECTION("sizes are those of the objects") {
        Listing listing;
        run(io, store.list("", "", listing));
        for (const auto& object : listing.objects) CHECK(object.size_bytes == object.key.text().size());
    }
}

void a_stop_is_clean(asio::io_context& io, Store& store) {
    SECTION("a put that is stopped leaves nothing or the whole object") {
        const ObjectKey key{"pack/stopped"};
        const auto body = pattern(1'000'000);
        auto work = [&](TaskGroup& group) -> Task<> {
            group.spawn(store.put(key, body));
            co_await asio::post(io, asio::use_awaitable);
            co_await asio::post(io, asio::use_awaitable);
            group.request_stop();
        };
        run(io, in_group(work));
        const auto info = run(io, store.find(key));
        if (info) CHECK(run(io, store.get(key)) == body);
        CHECK_NOTHROW(run(io, store.put(key, body)));
        CHECK_NOTHROW(run(io, store.barrier()));
    }
}

}  // namespace

void keeps_the_store_contract(asio::io_context& io, Store& store) {
    SECTION("objects are created once") { objects_are_created_once(io, store); }
    SECTION("ranges are exact") { ranges_are_exact(io, store); }
    SECTION("listings are whole and in order") { listings_are_whole_and_in_order(io, store); }
    SECTION("a stop is clean") { a_stop_is_clean(io, store); }
    SECTION("barriers may come at any time, several at once, and cover what came before") {
        CHECK_NOTHROW(run(io, store.barrier()));
        std::vector<int> tasks{1, 2, 3, 4, 5, 6};
        auto work = [&](int n) -> Task<> {
            co_await store.put(ObjectKey{"pack/" + std::to_string(n) + "/x"}, view_of("x"));
            co_await store.barrier();
        };
        CHECK_NOTHROW(run(io, for_each_limited(6, tasks, work)));
        CHECK(run(io, list_keys(store)).size() == 6);
    }
    SECTION("the store's clock does not run backwards") {
        const auto first = run(io, store.now());
        CHECK(run(io, store.now()) >= first);
    }
}

}  // namespace varve::test

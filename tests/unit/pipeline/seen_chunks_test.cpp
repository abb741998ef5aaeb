#include "pipeline/seen_chunks.hpp"

#include <atomic>
#include <barrier>
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "varve/check.hpp"

namespace varve {
namespace {

PlacedChunk chunk_of(std::uint32_t number) {
    return {.id = sha256(view_of("chunk " + std::to_string(number))),
            .place = {.pack = number % 7, .offset = number, .sealed_length = number + 1}};
}

TEST_CASE("a chunk is found where it was first put", "[pipeline]") {
    SeenChunks seen;
    for (std::uint32_t i = 0; i < 100'000; ++i) seen.insert(chunk_of(i));
    auto again = chunk_of(3);
    again.place.offset = 999'999;
    seen.insert(again);

    CHECK(seen.size() == 100'000);
    int wrong = 0;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const auto place = seen.find(chunk_of(i).id);
        wrong += place && place->offset == i && place->sealed_length == i + 1 && place->pack == i % 7 ? 0 : 1;
    }
    CHECK(wrong == 0);
    CHECK_FALSE(seen.find(chunk_of(100'000).id));
}

TEST_CASE("draining gives every chunk once and leaves nothing", "[pipeline]") {
    SeenChunks seen;
    for (std::uint32_t i = 0; i < 50'000; ++i) seen.insert(chunk_of(i));

    std::set<std::uint32_t> offsets;
    seen.drain([&](const PlacedChunk& chunk) { offsets.insert(chunk.place.offset); });

    CHECK(offsets.size() == 50'000);
    CHECK(*offsets.rbegin() == 49'999);
    CHECK(seen.size() == 0);
    CHECK_FALSE(seen.find(chunk_of(1).id));
}

TEST_CASE("threads that insert and look up at once lose nothing", "[pipeline]") {
    SeenChunks seen;
    const auto work = [&seen](std::uint32_t from) {
        for (std::uint32_t i = from; i < from + 20'000; ++i) {
            seen.insert(chunk_of(i));
            (void)seen.find(chunk_of(i / 2).id);
        }
    };
    {
        const std::jthread one{work, 0u}, two{work, 10'000u};
    }
    CHECK(seen.size() == 30'000);
}

TEST_CASE("threads that meet the same chunks at once store each of them once", "[pipeline]") {
    SeenChunks seen;
    std::atomic<int> stored{0};
    std::barrier start{4};
    const auto work = [&] {
        start.arrive_and_wait();
        for (std::uint32_t i = 0; i < 5'000; ++i) {
            if (seen.find_or_claim(chunk_of(i).id)) continue;
            std::this_thread::yield();  // the others come to it meanwhile
            ++stored;
            seen.insert(chunk_of(i));
        }
    };
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) threads.emplace_back(work);
    }
    CHECK(stored == 5'000);
    CHECK(seen.size() == 5'000);
}

TEST_CASE("a chunk whose storing failed is left to another thread that waits for it", "[pipeline]") {
    SeenChunks seen;
    REQUIRE_FALSE(seen.find_or_claim(chunk_of(1).id));
    std::atomic<bool> claimed{false};
    {
        const std::jthread other{[&] { claimed = !seen.find_or_claim(chunk_of(1).id); }};
        seen.abandon(chunk_of(1).id);
    }
    CHECK(claimed);
    seen.insert(chunk_of(1));
    CHECK(seen.find_or_claim(chunk_of(1).id));
}

}  // namespace
}  // namespace varve

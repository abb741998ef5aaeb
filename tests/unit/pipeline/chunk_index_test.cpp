#include "pipeline/chunk_index.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "support/temp_dir.hpp"
#include "varve/check.hpp"
#include "varve/file.hpp"

namespace varve {
namespace {

ChunkId id_of(int number) { return sha256(view_of("chunk " + std::to_string(number))); }
StoredPack pack_of(int number, std::string folder) {
    return {.name = sha256(view_of("pack " + std::to_string(number))),
            .size = 1000u + static_cast<std::uint64_t>(number),
            .folder = std::move(folder)};
}

std::vector<ChunkIndex::Addition> additions_of(int from, int to, std::uint32_t pack) {
    std::vector<ChunkIndex::Addition> additions;
    for (int i = from; i < to; ++i)
        additions.push_back({.id = id_of(i), .pack = pack, .offset = static_cast<std::uint32_t>(i), .sealed_length = 77});
    return additions;
}

TEST_CASE("an index gives back every chunk that was saved, and no other", "[pipeline]") {
    const test::TempDir dir;
    ChunkIndex{}.save_with(dir / "index", {pack_of(1, "202611d")}, additions_of(0, 3000, 0));
    ChunkIndex::open(dir / "index", 'd').save_with(dir / "index", {pack_of(2, "202611d")}, additions_of(3000, 5000, 0));

    const auto index = ChunkIndex::open(dir / "index", 'd');

    CHECK(index.size() == 5000);
    REQUIRE(index.packs() == std::vector{pack_of(1, "202611d"), pack_of(2, "202611d")});
    int wrong = 0;
    for (int i = 0; i < 5000; ++i) {
        const auto place = index.find(id_of(i));
        wrong += place && place->offset == static_cast<std::uint32_t>(i) && place->pack == (i < 3000 ? 0u : 1u) ? 0 : 1;
    }
    CHECK(wrong == 0);
    CHECK_FALSE(index.find(id_of(5000)));
}

TEST_CASE("an index that is not there is empty", "[pipeline]") {
    const test::TempDir dir;
    const auto index = ChunkIndex::open(dir / "index", 'd');
    CHECK(index.size() == 0);
    CHECK_FALSE(index.find(id_of(1)));
}

TEST_CASE("a damaged index is removed and taken for empty", "[pipeline]") {
    const test::TempDir dir;
    ChunkIndex{}.save_with(dir / "index", {pack_of(1, "202611d")}, additions_of(0, 100, 0));
    auto bytes = read_file(dir / "index");
    const auto way = GENERATE(0, 1, 2);
    if (way == 0) bytes[bytes.size() / 2] ^= 1;
    if (way == 1) bytes.resize(bytes.size() - 44);
    if (way == 2) bytes.clear();
    replace_file(dir / "index", bytes);

    CHECK(ChunkIndex::open(dir / "index", 'd').size() == 0);
    CHECK_FALSE(std::filesystem::exists(dir / "index"));
}

TEST_CASE("chunks in packs of a shorter tier are not found, and stay in the file", "[pipeline]") {
    const test::TempDir dir;
    std::vector<ChunkIndex::Addition> additions = additions_of(0, 10, 0);
    const auto weekly = additions_of(10, 20, 1);
    additions.insert(additions.end(), weekly.begin(), weekly.end());
    ChunkIndex{}.save_with(dir / "index", {pack_of(1, "202611d"), pack_of(2, "202611w")}, additions);

    const auto index = ChunkIndex::open(dir / "index", 'w');

    CHECK(index.packs() == std::vector{pack_of(2, "202611w")});
    CHECK_FALSE(index.find(id_of(5)));
    CHECK(index.find(id_of(15))->pack == 0);
    CHECK(ChunkIndex::open(dir / "index", 'm').packs().empty());

    index.save_with(dir / "index", {pack_of(3, "202611w")}, additions_of(5, 6, 0));
    const auto later = ChunkIndex::open(dir / "index", 'd');
    CHECK(later.size() == 20);
    CHECK(later.packs()[later.find(id_of(5))->pack] == pack_of(3, "202611w"));
    CHECK(later.packs()[later.find(id_of(6))->pack] == pack_of(1, "202611d"));
}

TEST_CASE("chunks in packs that are refused are not found, and leave the file", "[pipeline]") {
    const test::TempDir dir;
    auto additions = additions_of(0, 10, 0);
    for (const auto& more : {additions_of(10, 20, 1), additions_of(20, 30, 2)})
        additions.insert(additions.end(), more.begin(), more.end());
    ChunkIndex{}.save_with(dir / "index", {pack_of(1, "202611m"), pack_of(2, "202611d"), pack_of(3, "202611d")}, additions);
    const auto refused = [](const StoredPack& pack) { return pack.name != pack_of(1, "").name; };

    const auto index = ChunkIndex::open(dir / "index", 'd', refused);

    CHECK(index.packs() == std::vector{pack_of(2, "202611d"), pack_of(3, "202611d")});
    CHECK_FALSE(index.find(id_of(5)));
    CHECK(index.find(id_of(25))->pack == 1);
    index.save_with(dir / "index", {pack_of(4, "202611d")}, additions_of(5, 6, 0));
    const auto later = ChunkIndex::open(dir / "index", 'd');
    CHECK(later.packs() == std::vector{pack_of(2, "202611d"), pack_of(3, "202611d"), pack_of(4, "202611d")});
    CHECK(later.size() == 21);
    CHECK(later.packs()[later.find(id_of(5))->pack] == pack_of(4, "202611d"));
    CHECK(later.packs()[later.find(id_of(15))->pack] == pack_of(2, "202611d"));
    CHECK_FALSE(later.find(id_of(6)));
}

TEST_CASE("a chunk that is saved twice is found in the longer tier", "[pipeline]") {
    const test::TempDir dir;
    const auto first = GENERATE(values<std::string>({"202611d", "202611m"}));
    const std::string second = first == "202611d" ? "202611m" : "202611d";
    ChunkIndex{}.save_with(dir / "index", {pack_of(1, first)}, additions_of(0, 3, 0));
    ChunkIndex::open(dir / "index", 'd').save_with(dir / "index", {pack_of(2, second)}, additions_of(1, 2, 0));

    const auto index = ChunkIndex::open(dir / "index", 'd');

    CHECK(index.size() == 3);
    CHECK(index.packs()[index.find(id_of(1))->pack].folder == "202611m");
}

TEST_CASE("a mapped index stays readable while its file is replaced", "[pipeline]") {
    const test::TempDir dir;
    ChunkIndex{}.save_with(dir / "index", {pack_of(1, "202611d")}, additions_of(0, 100, 0));
    const auto index = ChunkIndex::open(dir / "index", 'd');

    ChunkIndex{}.save_with(dir / "index", {}, {});

    CHECK(index.find(id_of(50)));
    CHECK(ChunkIndex::open(dir / "index", 'd').size() == 0);
}

}  // namespace
}  // namespace varve

#include "pipeline/chunker.hpp"

#include <catch2/catch.hpp>
#include <numeric>
#include <random>
#include <set>

#include "pipeline/chunk_hasher.hpp"

namespace varve {
namespace {

Bytes random_content(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    Bytes bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

Secret key_of(std::uint8_t value) { return Secret{Bytes(32, value)}; }

std::vector<std::size_t> lengths_of(const Chunker& chunker, ByteView bytes) {
    std::vector<std::size_t> lengths;
    while (!bytes.empty()) {
        lengths.push_back(chunker.cut(bytes, true));
        bytes = bytes.subspan(lengths.back());
    }
    return lengths;
}

std::set<Digest> chunks_of(const Chunker& chunker, ByteView bytes) {
    std::set<Digest> chunks;
    for (const auto length : lengths_of(chunker, bytes)) {
        chunks.insert(sha256(bytes.first(length)));
        bytes = bytes.subspan(length);
    }
    return chunks;
}

TEST_CASE("every cut lies between the least and the greatest length, and their mean is near the average", "[pipeline]") {
    const auto sizes = GENERATE(values({file_cuts, stream_cuts}));
    const Chunker chunker{key_of(1), sizes};
    const auto content = random_content(48u << 20, Catch::rngSeed());

    const auto lengths = lengths_of(chunker, content);

    CHECK(std::accumulate(lengths.begin(), lengths.end(), std::size_t{0}) == content.size());
    for (std::size_t i = 0; i + 1 < lengths.size(); ++i) {
        CHECK(lengths[i] >= sizes.min);
        CHECK(lengths[i] <= sizes.max);
    }
    const auto mean = static_cast<double>(content.size()) / static_cast<double>(lengths.size());
    CHECK(mean > 0.7 * static_cast<double>(sizes.average));
    CHECK(mean < 1.6 * static_cast<double>(sizes.average));
}

TEST_CASE("equal bytes under one key have equal cuts, and other cuts under another key", "[pipeline]") {
    const auto content = random_content(8u << 20, Catch::rngSeed());

    const auto lengths = lengths_of(Chunker{key_of(1), stream_cuts}, content);

    CHECK(lengths_of(Chunker{key_of(1), stream_cuts}, content) == lengths);
    CHECK(lengths_of(Chunker{key_of(2), stream_cuts}, content) != lengths);
}

TEST_CASE("an insertion at the front changes a few chunks only", "[pipeline]") {
    const Chunker chunker{key_of(1), stream_cuts};
    const auto content = random_content(16u << 20, Catch::rngSeed());
    auto longer = random_content(1000, Catch::rngSeed() + 1);
    append(longer, content);

    const auto before = chunks_of(chunker, content);
    const auto after = chunks_of(chunker, longer);

    std::size_t fresh = 0;
    for (const auto& chunk : after) fresh += before.contains(chunk) ? 0 : 1;
    CHECK(after.size() > 30);
    CHECK(fresh <= 4);
}

TEST_CASE("a cut that was found does not move when more bytes are known", "[pipeline]") {
    const Chunker chunker{key_of(3), stream_cuts};
    const auto content = random_content(2u << 20, Catch::rngSeed());
    const auto whole = chunker.cut(content, true);

    for (std::size_t known = 0; known <= content.size(); known += 10'007) {
        const auto early = chunker.cut(ByteView{content}.first(known), false);
        CHECK((early == 0 || early == whole));
        CHECK((early == whole) == (known >= whole));
    }
}

TEST_CASE("bytes without any variety are cut at the greatest length", "[pipeline]") {
    const Chunker chunker{key_of(1), stream_cuts};
    const Bytes zeros(3u << 20);

    CHECK(chunker.cut(zeros, false) == stream_cuts.max);
    CHECK(chunker.cut(ByteView{zeros}.first(10), true) == 10);
    CHECK(chunker.cut(ByteView{zeros}.first(10), false) == 0);
}

TEST_CASE("a chunk's id is HMAC-SHA-256 of its bytes", "[pipeline]") {
    ChunkHasher hasher{key_of(7)};
    const auto size = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{64}, std::size_t{70'001});
    const auto content = random_content(size, Catch::rngSeed());

    CHECK(hasher.id_of(content) == hmac_sha256(key_of(7).view(), content));
    CHECK(hasher.id_of(content) == hmac_sha256(key_of(7).view(), content));
}

}  // namespace
}  // namespace varve

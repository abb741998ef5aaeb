#include "pipeline/restored_files.hpp"

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "pipeline/write_batch.hpp"
#include "unit/pipeline/rig.hpp"
#include "varve/error.hpp"

namespace varve {
namespace {

using test::random_bytes_of;

constexpr std::size_t mib = 1U << 20;

TEST_CASE("a batch joins what follows in one file, and lies in memory as the file does", "[pipeline]") {
    WriteBatch batch;
    const auto bytes = random_bytes_of(3000, 1);
    REQUIRE(batch.add(7, 5000, bytes));
    REQUIRE(batch.add(7, 8000, bytes));  // follows
    REQUIRE(batch.add(7, 8000, bytes));  // the same place again: a run of its own
    REQUIRE(batch.add(8, 11000, bytes));
    REQUIRE(batch.runs().size() == 3);
    REQUIRE(batch.runs()[0].bytes.size() == 6000);
    for (const auto& run : batch.runs())
        REQUIRE(reinterpret_cast<std::uintptr_t>(run.bytes.data()) % WriteBatch::alignment == run.at % WriteBatch::alignment);
    REQUIRE(std::ranges::equal(batch.runs()[0].bytes.subspan(3000), bytes));
    REQUIRE(std::ranges::equal(batch.runs()[2].bytes, bytes));
}

TEST_CASE("a batch takes a whole one at any offset, and then no more until it is cleared", "[pipeline]") {
    WriteBatch batch;
    const Bytes whole(WriteBatch::bytes_max, 1);
    REQUIRE(batch.add(1, 4095, whole));
    REQUIRE_FALSE(batch.add(1, 4095 + whole.size(), whole));
    REQUIRE(batch.runs().size() == 1);
    batch.clear();
    REQUIRE(batch.add(1, 4095 + whole.size(), whole));
}

/// Writes `content` in pieces of odd sizes, out of order, through batches, from two threads.
void write_in_pieces(RestoredFiles& files, std::uint32_t file, const Bytes& content, std::uint64_t seed) {
    std::mt19937_64 random{seed};
    std::vector<std::pair<std::uint64_t, ByteView>> pieces;
    for (std::size_t at = 0; at < content.size();) {
        const auto length = std::min<std::size_t>(content.size() - at, random() % (3 * mib) + 1);
        pieces.emplace_back(at, ByteView{content}.subspan(at, length));
        at += length;
    }
    std::ranges::shuffle(pieces, random);
    auto write = [&](std::size_t from) {
        WriteBatch batch;
        for (auto i = from; i < pieces.size(); i += 2) {
            REQUIRE(batch.add(file, pieces[i].first, pieces[i].second));
            for (const auto& run : batch.runs()) files.write(run.file, run.at, run.bytes);
            batch.clear();
        }
    };
    std::thread other{write, 1};
    write(0);
    other.join();
}

TEST_CASE("files written in any pieces, past the page cache or through it, hold exactly their bytes", "[pipeline]") {
    const test::TempDir dir;
    for (const std::size_t size : {std::size_t{1}, std::size_t{5000}, mib - 1, mib, 40 * mib, 40 * mib + 4097}) {
        const auto content = random_bytes_of(size, size);
        const auto path = dir.path() / std::to_string(size);
        RestoredFiles files{{{.path = path, .size = size}}, WriteMode::create};
        write_in_pieces(files, 0, content, size);
        REQUIRE(read_file(path) == content);
    }
}

TEST_CASE("memory that does not lie as the file does is written all the same", "[pipeline]") {
    const test::TempDir dir;
    const auto content = random_bytes_of(5 * mib + 1, 1);
    RestoredFiles files{{{.path = dir.path() / "f", .size = content.size() - 1}}, WriteMode::create};
    files.write(0, 0, ByteView{content}.subspan(1));
    REQUIRE(std::ranges::equal(read_file(dir.path() / "f"), ByteView{content}.subspan(1)));
}

TEST_CASE("below a folder no link is followed, whoever planted it and wherever", "[pipeline]") {
    const test::TempDir dir;
    const auto tree = dir.path() / "tree", outside = dir.path() / "outside";
    std::filesystem::create_directories(tree / "a");
    std::filesystem::create_directory(outside);
    const auto folder = std::make_shared<const OpenedFolder>(tree, Descriptor{::open(tree.c_str(), O_RDONLY | O_DIRECTORY)});
    const auto content = random_bytes_of(2 * mib, 1);
    const auto mode = GENERATE(WriteMode::create, WriteMode::delta);
    RestoredFiles files{{{.path = tree / "a/whole", .size = content.size(), .within = folder},
                         {.path = tree / "link/x", .size = 1, .within = folder},
                         {.path = tree / "last", .size = 1, .within = folder}},
                        mode};

    files.write(0, 0, content);
    REQUIRE(read_file(tree / "a/whole") == content);
    std::filesystem::create_directory_symlink(outside, tree / "link");
    std::filesystem::create_symlink(outside / "y", tree / "last");
    for (const std::uint32_t file : {1U, 2U}) REQUIRE_THROWS_AS(files.write(file, 0, ByteView{content}.first(1)), Error);
    if (mode == WriteMode::create) {
        // What we made is behind a link now: it stays, and so does what has its name out there.
        std::filesystem::rename(tree / "a", tree / "moved");
        std::filesystem::create_directory_symlink(outside, tree / "a");
        test::write_text(outside / "whole", "somebody else's");
        REQUIRE_THROWS_AS(files.remove_created(0), Error);
        REQUIRE(std::filesystem::remove(outside / "whole"));
    }
    REQUIRE(std::filesystem::is_empty(outside));
}

TEST_CASE("pages of zeros in a sparse file stay holes, and every other byte is there", "[pipeline]") {
    const test::TempDir dir;
    Bytes content(8 * mib + 5);
    const auto put = [&](std::size_t at, std::size_t size) {
        std::ranges::copy(random_bytes_of(size, at), content.begin() + static_cast<std::ptrdiff_t>(at));
    };
    put(4095, 2);
    put(3 * mib, 3 * 4096);
    put(8 * mib, 5);
    const auto path = dir.path() / "f";
    RestoredFiles files{{{.path = path, .size = content.size(), .within = nullptr, .sparse = true}}, WriteMode::create};
    write_in_pieces(files, 0, content, 7);
    REQUIRE(read_file(path) == content);
    struct ::stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    REQUIRE(status.st_blocks * 512 <= 6 * 4096);
}

}  // namespace
}  // namespace varve

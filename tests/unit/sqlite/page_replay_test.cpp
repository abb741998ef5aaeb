#include "sqlite/page_replay.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>

#include "sqlite/big_endian.hpp"
#include "sqlite/page_hashes.hpp"
#include "support/fault_of.hpp"

namespace varve::test {
namespace {

using sqlite::RecordHeader;
using sqlite::RecordKind;

constexpr std::uint32_t page_size = 512;

class MemoryFile final : public sqlite::PageFile {
public:
    void write(std::uint64_t offset, ByteView content) override {
        if (bytes.size() < offset + content.size()) bytes.resize(offset + content.size());
        std::ranges::copy(content, bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    }
    void resize(std::uint64_t size) override { bytes.resize(size); }
    Bytes bytes;
};

/// A database that transactions write to, and the log that tells of them.
struct Story {
    std::mt19937 random{7};
    Bytes database, log;
    std::uint64_t number = 0;

    std::uint32_t pages() const { return static_cast<std::uint32_t>(database.size() / page_size); }
    std::uint64_t checksum() const {
        sqlite::PageHashes hashes{page_size};
        hashes.resize(pages());
        for (std::uint32_t page = 1; page <= pages(); ++page)
            hashes.set(page, sqlite::hash_of_page(page, ByteView{database}.subspan((page - 1) * page_size, page_size)));
        return hashes.checksum();
    }
    void commit(std::uint32_t new_pages, std::vector<std::uint32_t> written) {
        database.resize(std::size_t{new_pages} * page_size);
        for (const auto page : written)
            std::generate_n(database.begin() + (page - 1) * page_size, page_size,
                            [&] { return static_cast<std::uint8_t>(random()); });
        RecordHeader header{.kind = RecordKind::transaction,
                            .number = ++number,
                            .observed = {},
                            .page_size = page_size,
                            .database_pages = new_pages,
                            .count = static_cast<std::uint32_t>(written.size()),
                            .salts = {},
                            .first_frame = 1,
                            .last_frame = 1,
                            .checksum = checksum()};
        append(log, encode(header));
        for (const auto page : written) sqlite::append_32(log, page);
        for (const auto page : written) append(log, ByteView{database}.subspan((page - 1) * page_size, page_size));
    }
    void mark(const std::string& name) {
        RecordHeader header{
            .kind = RecordKind::mark, .number = number, .observed = {}, .page_size = page_size, .database_pages = pages()};
        header.count = static_cast<std::uint32_t>(name.size());
        append(log, encode(header));
        append(log, view_of(name));
    }
};

Story told() {
    Story story;
    story.commit(4, {1, 2, 3, 4});
    story.commit(9, {1, 9});  // grows over pages that nobody wrote: zeros
    story.mark("here");
    story.commit(2, {1});     // shrinks
    story.commit(6, {2, 6});  // and grows again: what was cut off is zeros now
    story.mark("");
    story.commit(6, {});
    return story;
}

TEST_CASE("a log gives the same database however it is cut into blocks", "[sqlite]") {
    const auto story = told();
    for (const std::size_t block : {std::size_t{1}, std::size_t{7}, std::size_t{64}, std::size_t{513}, story.log.size()}) {
        MemoryFile file;
        sqlite::PageReplay replay{file, page_size, 0};
        for (std::size_t at = 0; at < story.log.size(); at += block)
            replay.feed(ByteView{story.log}.subspan(at, std::min(block, story.log.size() - at)));
        replay.finish();
        REQUIRE(file.bytes == story.database);
        REQUIRE(replay.last()->number == 5);
        REQUIRE(replay.last()->checksum == story.checksum());
    }
}

TEST_CASE("a log that ends inside a record is refused", "[sqlite]") {
    const auto story = told();
    for (const std::size_t missing : {std::size_t{1}, std::size_t{60}}) {
        MemoryFile file;
        sqlite::PageReplay replay{file, page_size, 0};
        replay.feed(ByteView{story.log}.first(story.log.size() - missing));
        REQUIRE(fault_of([&] { replay.finish(); }) == Fault::corrupt);
    }
}

TEST_CASE("a record that contradicts itself is refused before it is followed", "[sqlite]") {
    const RecordHeader good{
        .kind = RecordKind::transaction, .number = 1, .observed = {}, .page_size = page_size, .database_pages = 3};
    const auto refused = [](RecordHeader header) { return fault_of([&] { sqlite::parse_record_header(encode(header)); }); };
    REQUIRE_NOTHROW(sqlite::parse_record_header(encode(good)));
    auto header = good;
    header.page_size = 500;
    REQUIRE(refused(header) == Fault::corrupt);
    header = good;
    header.count = 4;  // more pages than the database has
    REQUIRE(refused(header) == Fault::corrupt);
    header = good;
    header.kind = RecordKind{9};
    REQUIRE(refused(header) == Fault::unsupported);
    auto bytes = encode(good);
    bytes[0] ^= 1;
    REQUIRE(fault_of([&] { sqlite::parse_record_header(bytes); }) == Fault::corrupt);
}

TEST_CASE("a record with a page beyond its database is refused", "[sqlite]") {
    Story story;
    story.commit(2, {1});
    auto log = story.log;
    log[sqlite::record_header_bytes + 3] = 3;
    MemoryFile file;
    sqlite::PageReplay replay{file, page_size, 0};
    REQUIRE(fault_of([&] { replay.feed(log); }) == Fault::corrupt);
}

}  // namespace
}  // namespace varve::test

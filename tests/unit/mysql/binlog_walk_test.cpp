#include "mysql/binlog_walk.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "support/fault_of.hpp"
#include "unit/mysql/binlog_bytes.hpp"

namespace varve::mysql {
namespace {

void put(Bytes& into, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) into.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// A log as a server writes it, without checksums.
struct Log {
    Bytes bytes;
    std::uint64_t file_at = 0;

    void event(EventType type, const Bytes& body, std::uint32_t server = 1) {
        const auto length = event_header_bytes + body.size();
        put(bytes, 1'700'000'000, 4);
        bytes.push_back(static_cast<std::uint8_t>(type));
        put(bytes, server, 4);
        put(bytes, length, 4);
        put(bytes, bytes.size() - file_at - 13 + length, 4);
        put(bytes, 0, 2);
        append(bytes, body);
    }
    void begin_file() {
        file_at = bytes.size();
        append(bytes, view_of("\xfe"
                              "bin"));
        Bytes body;
        put(body, 4, 2);
        body.resize(body.size() + 50, 0);
        put(body, 0, 4);
        body.push_back(event_header_bytes);
        body.resize(body.size() + 40, 0);
        body.push_back(0);  // no checksums
        put(body, 0, 4);
        event(EventType::format_description, body);
    }
    void transaction(std::uint64_t number, std::size_t row_bytes = 100) {
        Bytes gtid;
        put(gtid, number, 8);
        put(gtid, 0, 4);
        gtid.push_back(0);
        gtid.resize(gtid.size() + 6, 0);
        event(EventType::mariadb_gtid, gtid);
        event(static_cast<EventType>(30), Bytes(row_bytes, 1));
        event(EventType::xid, Bytes(8, 0));
    }
    void rotate(const std::string& name) {
        Bytes body;
        put(body, 4, 8);
        append(body, view_of(name));
        event(EventType::rotate, body);
    }
};

struct Seen {
    std::vector<WalkedTransaction> transactions;
    std::vector<WalkedFile> files;
};

Seen walk(const Log& log, std::size_t step, std::uint64_t at = 0) {
    BinlogWalk walk{"bin.000009", at};
    Seen seen;
    for (std::size_t from = 0; from < log.bytes.size(); from += step)
        walk.feed(ByteView{log.bytes}.subspan(from, std::min(step, log.bytes.size() - from)),
                  {.transaction = [&](const WalkedTransaction& one) { seen.transactions.push_back(one); }, .bytes = {}});
    seen.files = walk.files();
    return seen;
}

TEST_CASE("a log is walked alike in pieces of any size") {
    Log log;
    log.begin_file();
    log.transaction(1);
    log.transaction(2, 5000);
    log.rotate("bin.000010");
    const auto second = log.bytes.size();
    log.begin_file();
    log.transaction(3);
    const auto step = GENERATE(1U, 7U, 19U, 64U, 1000U, 1U << 20);

    const auto seen = walk(log, step, 500);

    REQUIRE(seen.files.size() == 2);
    CHECK(seen.files[1].name == "bin.000010");
    CHECK(seen.files[1].at == 500 + second);
    REQUIRE(seen.transactions.size() == 3);
    CHECK(seen.transactions[0].gtid() == "0-1-1");
    CHECK(seen.transactions[1].begin == seen.transactions[0].end);
    CHECK(seen.transactions[1].at_begin == 500 + seen.transactions[1].begin);
    CHECK(seen.transactions[2].file == "bin.000010");
    CHECK(seen.transactions[2].at_end == 500 + log.bytes.size());
    CHECK(seen.transactions[2].end == log.bytes.size() - second);
}

TEST_CASE("the file after one that a dying server left is known by how it begins") {
    Log log;
    log.begin_file();
    log.transaction(1);
    log.event(EventType::mariadb_gtid, Bytes(19, 0));  // half a transaction
    log.begin_file();
    log.transaction(2);

    const auto seen = walk(log, 33);

    REQUIRE(seen.files.size() == 2);
    CHECK(seen.files[1].name == "bin.000010");
    REQUIRE(seen.transactions.size() == 2);
    CHECK(seen.transactions[1].gtid() == "0-1-2");
}

TEST_CASE("a position is a place in the file that it lies in, and a file's begin belongs to the file before it") {
    Log log;
    log.begin_file();
    log.rotate("bin.000010");
    const auto border = log.bytes.size();
    log.begin_file();
    BinlogWalk walk{"bin.000009", 0};
    walk.feed(log.bytes, {});

    CHECK(walk.place_of(0) == BinlogPlace{"bin.000009", 0});
    CHECK(walk.place_of(border) == BinlogPlace{"bin.000009", border});
    CHECK(walk.place_of(border + 5) == BinlogPlace{"bin.000010", 5});
    CHECK(walk.at() == log.bytes.size());
}

/// The files that a log is cut into, fed in pieces of up to `at_once_max` bytes.
std::map<std::string, Bytes> split(ByteView log, const std::string& first, std::mt19937& dice, std::size_t at_once_max) {
    std::map<std::string, Bytes> files;
    const BinlogWalk::Visitor visitor{.transaction = {}, .bytes = [&](const WalkedBytes& part) {
                                          REQUIRE(files[part.file.name].size() == part.at - part.file.at);
                                          append(files[part.file.name], part.bytes);
                                      }};
    BinlogWalk walk{first, 0};
    while (!log.empty()) {
        const auto count = std::min<std::size_t>(log.size(), 1 + dice() % at_once_max);
        walk.feed(log.first(count), visitor);
        log = log.subspan(count);
    }
    walk.finish(visitor);
    return files;
}

test::FileMaker made_file(const std::string& name, const std::string& next, bool checksums = true) {
    test::FileMaker file{name};
    file.checksums = checksums;
    file.format();
    file.gtid_list({{0, 1, 7}});
    for (std::uint64_t n = 0; n < 5; ++n) {
        file.gtid({0, 1, 8 + n});
        file.query("INSERT INTO t VALUES (" + std::to_string(n) + ")");
        file.xid();
    }
    if (!next.empty()) file.rotate(next);
    return file;
}

TEST_CASE("a log is cut into the files that it was made of, however its bytes come", "[mysql]") {
    const auto seed = Catch::rngSeed() + 4;
    CAPTURE(seed);
    std::mt19937 dice{seed};
    // Ended by a ROTATE to another name, by a crash, without checksums, and open.
    const std::vector<test::FileMaker> made{made_file("bin.000008", "other.000009"), made_file("other.000009", ""),
                                            made_file("other.000010", "other.000011", false), made_file("other.000011", "")};
    Bytes log;
    for (const auto& file : made) append(log, file.bytes());

    for (const std::size_t at_once_max : {1, 7, 100, 10'000}) {
        const auto files = split(log, "bin.000008", dice, at_once_max);
        REQUIRE(files.size() == made.size());
        for (const auto& file : made) CHECK(files.at(file.name()) == file.bytes());
    }
}

TEST_CASE("an event of the second that looks like a magic is no new file", "[mysql]") {
    std::mt19937 dice{1};
    test::FileMaker file{"bin.000001"};
    file.format();
    file.gtid_list({});
    constexpr std::uint32_t magic_second = 0x6e6962fe;
    file.query("INSERT", magic_second);
    file.xid(magic_second);
    auto log = file.bytes();
    const auto next = made_file("bin.000002", "");
    append(log, next.bytes());

    const auto files = split(log, "bin.000001", dice, 50);

    CHECK(files.at("bin.000001") == file.bytes());
    CHECK(files.at("bin.000002") == next.bytes());
}

TEST_CASE("a log that ends inside an event is given to its end", "[mysql]") {
    std::mt19937 dice{1};
    const auto file = made_file("bin.000001", "");
    for (std::size_t cut = 1; cut < file.bytes().size(); ++cut) {
        const auto part = ByteView{file.bytes()}.first(cut);
        REQUIRE(split(part, "bin.000001", dice, 64).at("bin.000001") == to_bytes(part));
    }
}

// log_pos has 32 bits; one transaction may make a file larger.
TEST_CASE("a file of more than 4 GiB is one file, and its transactions lie where they are", "[mysql]") {
    constexpr std::uint64_t rows_bytes = (1ULL << 30) - 64, events = 5;
    const auto begin = made_file("bin.000001", "");
    const Bytes rows(1U << 20);
    std::vector<WalkedTransaction> seen;
    std::uint64_t passed = 0;
    const BinlogWalk::Visitor visitor{.transaction = [&](const WalkedTransaction& one) { seen.push_back(one); },
                                      .bytes = [&](const WalkedBytes& part) { passed += part.bytes.size(); }};
    BinlogWalk walk{"bin.000001", 0};
    walk.feed(begin.bytes(), visitor);
    auto end = begin.bytes().size();

    const auto feed = [&](EventType type, std::uint64_t length, const Bytes& known) {
        end += length;
        Bytes head;
        test::put(head, 1'764'000'000, 4);
        head.push_back(static_cast<std::uint8_t>(type));
        test::put(head, 7, 4);
        test::put(head, length, 4);
        test::put(head, end, 4);
        test::put(head, 0, 2);
        append(head, known);
        walk.feed(head, visitor);
        for (auto left = length - head.size(); left > 0;) {
            const auto count = std::min<std::uint64_t>(left, rows.size());
            walk.feed(ByteView{rows}.first(count), visitor);
            left -= count;
        }
    };
    Bytes gtid;
    test::put(gtid, 77, 8);
    const auto transaction_begin = end;
    feed(EventType::mariadb_gtid, event_header_bytes + 19 + checksum_bytes, gtid);
    for (std::uint64_t n = 0; n < events; ++n) feed(static_cast<EventType>(30), rows_bytes, {});
    feed(EventType::xid, event_header_bytes + 8 + checksum_bytes, {});
    const auto next = made_file("bin.000002", "");
    walk.feed(next.bytes(), visitor);

    CHECK(end > 1ULL << 32);
    CHECK(passed == end + next.bytes().size());
    REQUIRE(walk.files().size() == 2);
    CHECK(walk.files()[1].at == end);
    REQUIRE(seen.size() == 11);
    CHECK(seen[5].gtid() == "0-7-77");
    CHECK(seen[5].begin == transaction_begin);
    CHECK(seen[5].end == end);
}

TEST_CASE("bytes that are no log are refused", "[mysql]") {
    auto bytes = made_file("bin.000001", "").bytes();
    SECTION("no magic") { bytes[0] = 0; }
    SECTION("no event") { bytes[300] ^= 0xff, bytes[301] ^= 0xff, bytes.resize(bytes.size() + 100, 0x55); }
    BinlogWalk walk{"bin.000001", 0};
    CHECK(fault_of([&] { walk.feed(bytes, {}); }) == Fault::corrupt);
}

TEST_CASE("files are named as a server names them", "[mysql]") {
    CHECK(name_after("bin.000009") == "bin.000010");
    CHECK(name_after("bin.999999") == "bin.1000000");
    CHECK(name_after("my.bin.000001") == "my.bin.000002");
    CHECK(fault_of([] { name_after("bin"); }) == Fault::corrupt);
}

}  // namespace
}  // namespace varve::mysql

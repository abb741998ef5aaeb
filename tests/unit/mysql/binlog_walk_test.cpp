#include "mysql/binlog_walk.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/fault_of.hpp"

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
                  [&](const WalkedTransaction& one) { seen.transactions.push_back(one); });
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
    walk.feed(log.bytes, [](const WalkedTransaction&) {});

    CHECK(walk.place_of(0) == BinlogPlace{"bin.000009", 0});
    CHECK(walk.place_of(border) == BinlogPlace{"bin.000009", border});
    CHECK(walk.place_of(border + 5) == BinlogPlace{"bin.000010", 5});
    CHECK(walk.certain() == log.bytes.size());
}

TEST_CASE("bytes that are no log are refused") {
    BinlogWalk walk{"bin.000009", 0};
    const Bytes noise(100, 3);
    CHECK(fault_of([&] { walk.feed(noise, [](const WalkedTransaction&) {}); }) == Fault::corrupt);
}

}  // namespace
}  // namespace varve::mysql

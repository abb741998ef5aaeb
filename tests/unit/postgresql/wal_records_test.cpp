#include "postgresql/wal_records.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <sstream>

#include "support/private_postgres.hpp"
#include "support/wal_builder.hpp"

using namespace varve;
using namespace varve::postgresql;
using namespace varve::test;

namespace {

constexpr std::uint64_t mebibyte = 1u << 20;

WalEvents walk(Lsn from, ByteView bytes, std::uint64_t segment_bytes = mebibyte) {
    WalWalker walker{from, segment_bytes};
    walker.feed(bytes);
    return walker.take();
}

/// As walk(), in parts of random length, taking the events at every cut.
WalEvents walk_in_parts(Lsn from, ByteView bytes, std::mt19937_64& random, std::uint64_t segment_bytes = mebibyte) {
    WalWalker walker{from, segment_bytes};
    WalEvents all;
    while (!bytes.empty()) {
        const auto longest = std::size_t{1} << std::uniform_int_distribution<int>{0, 14}(random);
        const auto length = std::min(bytes.size(), std::uniform_int_distribution<std::size_t>{1, longest}(random));
        walker.feed(bytes.first(length));
        bytes = bytes.subspan(length);
        auto part = walker.take();
        all.transactions.insert(all.transactions.end(), part.transactions.begin(), part.transactions.end());
        all.restore_points.insert(all.restore_points.end(), part.restore_points.begin(), part.restore_points.end());
        all.damages.insert(all.damages.end(), part.damages.begin(), part.damages.end());
        all.records += part.records;
        if (part.last_whole) all.last_whole = part.last_whole;
        if (part.last_end) all.last_end = part.last_end;
    }
    return all;
}

struct RandomLog {
    WalBuilder builder;
    std::vector<WalTransaction> transactions;
    std::vector<WalRestorePoint> restore_points;
};

RandomLog random_log(std::mt19937_64& random, std::uint64_t bytes) {
    RandomLog log{WalBuilder{3 * mebibyte}, {}, {}};
    auto pick = [&random](std::uint64_t most) { return std::uniform_int_distribution<std::uint64_t>{0, most}(random); };
    while (log.builder.bytes().size() < bytes) {
        const auto now = static_cast<std::int64_t>(log.builder.position());
        const auto choice = pick(99);
        if (choice < 40)
            log.transactions.push_back(log.builder.transaction(static_cast<std::uint32_t>(pick(1u << 30)) + 1, now));
        else if (choice < 50)
            log.transactions.push_back(log.builder.transaction(7, now, 0x20, Bytes(pick(20000), 1)));
        else if (choice < 55)
            log.restore_points.push_back(log.builder.restore_point("point " + std::to_string(now), now));
        else if (choice < 57)
            log.builder.switch_segment();
        else if (choice < 60)
            log.builder.other(pick(300000));
        else
            log.builder.other(pick(9000));
    }
    return log;
}

}  // namespace

TEST_CASE("a commit is found with its time and the place just after it") {
    WalBuilder log{mebibyte};
    log.other(100);
    const auto commit = log.transaction(4711, 817'000'000'000'123);
    const auto abort = log.transaction(4712, 817'000'000'000'456, 0x20);

    const auto events = walk(mebibyte, log.bytes());

    CHECK(events.transactions == std::vector{commit, abort});
    CHECK(events.records == 3);
    CHECK(events.last_whole == abort.begin);
    CHECK(events.last_end == log.position());
    CHECK(events.damages.empty());
}

TEST_CASE("a restore point is found by its name") {
    WalBuilder log{mebibyte};
    const auto point = log.restore_point("before upgrade", 5);
    const auto longest = log.restore_point(std::string(63, 'x'), 6);

    CHECK(walk(mebibyte, log.bytes()).restore_points == std::vector{point, longest});
}

TEST_CASE("what replay does beyond data is found: places it writes to, limits it needs") {
    const auto body_of = [](const Bytes& data) {
        Bytes body{255, static_cast<std::uint8_t>(data.size())};
        append(body, data);
        return body;
    };
    WalBuilder log{mebibyte};
    Bytes tablespace{0x74, 0x40, 0, 0};
    append(tablespace, view_of("/srv/fast"));
    tablespace.push_back(0);
    const auto made = log.record(5, 0x00, body_of(tablespace));
    log.record(5, 0x10, body_of({0x74, 0x40, 0, 0}));  // dropped: replay of that alone writes nowhere else
    const auto set =
        log.record(0, 0x60, body_of({200, 0, 0, 0, 8, 0, 0, 0, 10, 0, 0, 0, 5, 0, 0, 0, 64, 0, 0, 0, 1, 0, 0, 0, 0, 0}));
    WalWalker walker{mebibyte, mebibyte};
    walker.watch(made + 1);

    walker.feed(log.bytes());
    const auto events = walker.take();

    CHECK(events.tablespaces == std::vector<WalTablespace>{{16500, "/srv/fast", made}});
    CHECK(events.limits == std::vector<WalLimits>{{200, 8, 10, 5, 64, set}});
    CHECK(events.watched > made);
    CHECK(events.watched < set);
}

TEST_CASE("random log gives the same events however it is cut") {
    std::mt19937_64 random{Catch::rngSeed()};
    for (int round = 0; round < 12; ++round) {
        const auto log = random_log(random, 3 * mebibyte);

        const auto whole = walk(3 * mebibyte, log.builder.bytes());
        const auto parts = walk_in_parts(3 * mebibyte, log.builder.bytes(), random);

        CHECK(whole.damages.empty());
        CHECK(whole.transactions == log.transactions);
        CHECK(whole.restore_points == log.restore_points);
        CHECK(whole.last_whole == log.builder.last_record());
        CHECK(parts == whole);
    }
}

TEST_CASE("a walk that begins at any page finds what ends after its first whole record") {
    std::mt19937_64 random{Catch::rngSeed()};
    const auto log = random_log(random, 2 * mebibyte);
    const auto& bytes = log.builder.bytes();
    for (std::uint64_t offset = 0; offset < bytes.size(); offset += 5 * wal_page_bytes) {
        const auto from = 3 * mebibyte + offset;
        CAPTURE(offset);

        const auto events = walk(from, ByteView{bytes}.subspan(offset));

        std::vector<WalTransaction> expected;
        for (const auto& transaction : log.transactions)
            if (transaction.begin >= from) expected.push_back(transaction);
        CHECK(events.transactions == expected);
        CHECK(events.damages.empty());
    }
}

TEST_CASE("a walk may begin at a record in the middle of a page") {
    WalBuilder log{mebibyte};
    log.other(100);
    const auto middle = log.other(50);
    const auto commit = log.transaction(9, 1);

    CHECK(walk(middle, ByteView{log.bytes()}.subspan(middle - mebibyte)).transactions == std::vector{commit});
}

TEST_CASE("a record that a crash left unfinished is given up where the server says so") {
    WalBuilder log{mebibyte};
    log.other(3000);
    log.give_up_record(20000);
    const auto commit = log.transaction(9, 1);

    const auto events = walk(mebibyte, log.bytes());

    CHECK(events.transactions == std::vector{commit});
    CHECK(events.damages.empty());
}

TEST_CASE("the transaction id of a prepared transaction stands inside its record") {
    WalBuilder log{mebibyte, mebibyte, GENERATE(as<std::uint16_t>{}, 0xD106, 0xD110, 0xD118)};
    const bool wide = log.position() > 0 && [&] {
        WalBuilder probe = log;
        probe.other(1);
        return probe.bytes()[0] == 0x18;
    }();
    Bytes more = WalBuilder::number(std::uint32_t{1 | 2 | 4 | 8 | 16 | 256});  // which parts follow
    append(more, Bytes(8, 1));
    append(more, WalBuilder::number(std::uint32_t{3}));
    append(more, Bytes(3 * 4, 2));
    append(more, WalBuilder::number(std::uint32_t{2}));
    append(more, Bytes(2 * 12, 3));
    append(more, WalBuilder::number(std::uint32_t{1}));
    append(more, Bytes(wide ? 16 : 12, 4));
    append(more, WalBuilder::number(std::uint32_t{1}));
    append(more, Bytes(16, 5));
    append(more, WalBuilder::number(std::uint32_t{815}));
    auto expected = log.transaction(0, 1, 0x30, more);
    expected.xid = 815;

    CHECK(walk(mebibyte, log.bytes()).transactions == std::vector{expected});
}

TEST_CASE("a flipped bit is noticed, and the walk goes on behind it") {
    WalBuilder log{mebibyte};
    for (int number = 0; number < 200; ++number) log.other(500);
    const auto commit = log.transaction(9, 1);
    const auto damaged_page = 4 * wal_page_bytes;
    auto bytes = log.bytes();
    bytes[damaged_page + 4000] ^= 1;

    const auto events = walk(mebibyte, bytes);

    REQUIRE(events.damages.size() == 1);
    CHECK(page_start(events.damages.front().at) == mebibyte + damaged_page);
    CHECK(events.transactions == std::vector{commit});
}

TEST_CASE("log of another place is no log") {
    WalBuilder log{mebibyte};
    log.other(100);

    CHECK(walk(2 * mebibyte, log.bytes()).damages.size() == 1);
    CHECK(walk(mebibyte, Bytes(20000, 0xff)).damages.size() == 3);
}

TEST_CASE("whatever bytes come, the walk ends and remembers little", "[fuzz]") {
    std::mt19937_64 random{Catch::rngSeed()};
    for (int round = 0; round < 300; ++round) {
        auto log = random_log(random, 100000);
        auto& bytes = log.builder.bytes();
        for (int flips = 0; flips < 40; ++flips)
            bytes[std::uniform_int_distribution<std::size_t>{0, std::min<std::size_t>(bytes.size(), 100000) - 1}(random)] =
                static_cast<std::uint8_t>(random());

        const auto whole = walk(3 * mebibyte, bytes);
        auto parts = walk_in_parts(3 * mebibyte, bytes, random);
        parts.damages.resize(std::min(parts.damages.size(), WalWalker::damages_max));

        CHECK(whole.damages.size() <= WalWalker::damages_max);
        CHECK(parts == whole);
    }
}

namespace {

struct Dumped {
    std::uint64_t records = 0;
    std::vector<std::pair<Lsn, std::string>> endings;  ///< start and time of each commit and abort
    std::vector<std::string> restore_points;
};

/// What stands between `before` and `after`; empty when they are not there.
std::string between(const std::string& line, const std::string& before, const std::string& after) {
    const auto begin = line.find(before);
    if (begin == std::string::npos) return {};
    const auto from = begin + before.size();
    return line.substr(from, line.find(after, from) - from);
}

/// rmgr: Transaction len … lsn: 0/01500028, prev 0/014FFFD8, desc: COMMIT 2026-11-23 06:50:00.123456 UTC; inval msgs: …
Dumped read_dump(const std::string& text) {
    Dumped dumped;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("Total ")) dumped.records = std::stoull(line.substr(6));
        if (line.starts_with("rmgr: XLOG") && line.find("desc: RESTORE_POINT ") != std::string::npos)
            dumped.restore_points.push_back(between(line, "desc: RESTORE_POINT ", "\n"));
        const bool ends = line.find("desc: COMMIT") != std::string::npos || line.find("desc: ABORT") != std::string::npos;
        if (!line.starts_with("rmgr: Transaction") || !ends) continue;
        constexpr auto time_length = std::string_view{"2026-11-23 06:50:00.123456"}.size();
        const auto utc = line.find(" UTC");
        dumped.endings.emplace_back(parse_lsn(between(line, "lsn: ", ",")), line.substr(utc - time_length, time_length));
    }
    return dumped;
}

}  // namespace

TEST_CASE("the walk agrees with pg_waldump on a real server's log", "[engine]") {
    const unsigned megabytes = GENERATE(1u, 16u);
    PrivatePostgres server{{.settings = {"max_prepared_transactions = 4", "wal_level = logical", "timezone = 'UTC'"},
                            .segment_megabytes = megabytes}};
    const auto segment_bytes = std::uint64_t{megabytes} << 20;
    server.sql("CREATE TABLE t (n int, filler text)");
    const auto from = segment_start(parse_lsn(server.sql("SELECT pg_current_wal_lsn()")), segment_bytes);
    for (int round = 0; round < 5; ++round) {
        server.sql("INSERT INTO t SELECT g, repeat('x', 300) FROM generate_series(1, 5000) g");
        server.sql("BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (2); ROLLBACK");
        server.sql("BEGIN; INSERT INTO t VALUES (3); PREPARE TRANSACTION 'p'");
        server.sql(round % 2 ? "COMMIT PREPARED 'p'" : "ROLLBACK PREPARED 'p'");
        server.sql("SELECT pg_create_restore_point('point " + std::to_string(round) + "')");
        server.sql("DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE 'CREATE TEMP TABLE x' || i || ' (a int)'; END LOOP; END $$");
        if (round == 2) server.sql("SELECT pg_switch_wal()");
    }
    server.sql("SELECT pg_switch_wal()");
    const auto to = segment_start(parse_lsn(server.sql("SELECT pg_current_wal_lsn()")), segment_bytes);
    REQUIRE(to > from);

    WalWalker walker{from, segment_bytes};
    for (auto at = from; at < to; at += segment_bytes) {
        const auto bytes = read_text(server.data() / "pg_wal" / segment_name(1, at, segment_bytes));
        walker.feed(view_of(bytes));
    }
    const auto events = walker.take();

    // By kind: the output of a tool is cut after 16 MiB.
    std::string text;
    for (const std::string only : {"--rmgr=Transaction", "--rmgr=XLOG", "--stats"})
        text +=
            server.tool({"pg_waldump", "-p", (server.data() / "pg_wal").string(), "-s", to_text(from), "-e", to_text(to), only}) +
            "\n";
    const auto dumped = read_dump(text);
    CHECK(events.damages.empty());
    CHECK(events.records == dumped.records);
    std::vector<std::pair<Lsn, std::string>> endings;
    for (const auto& transaction : events.transactions) {
        auto time = to_rfc3339(transaction.time);
        time[10] = ' ';
        time.pop_back();
        endings.emplace_back(transaction.begin, time);
    }
    auto cut_zeros = dumped.endings;
    for (auto& [lsn, time] : cut_zeros)
        if (time.ends_with(".000000")) time.resize(time.size() - 7);
    CHECK(endings.size() == cut_zeros.size());
    CHECK(endings == cut_zeros);
    REQUIRE(events.restore_points.size() == 5);
    REQUIRE(dumped.restore_points.size() == 5);
    for (std::size_t at = 0; at < dumped.restore_points.size(); ++at)
        CHECK(events.restore_points[at].name == dumped.restore_points[at]);
}

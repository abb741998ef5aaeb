#include "postgresql/follow.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "postgresql/wal_records.hpp"
#include "support/memory_log.hpp"
#include "support/private_postgres.hpp"
#include "support/run.hpp"

using namespace varve;
using namespace varve::postgresql;
using namespace varve::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t segment_bytes = 1u << 20;
const std::string slot = "varve_test_0000";

struct Place {
    asio::io_context io;
    TestPools pools;
    SystemClock clock;
    MemoryLog log{io.get_executor()};

    Follower follower(const PrivatePostgres& server) {
        ConnectionSettings connection{.conninfo = server.conninfo(), .application_name = slot};
        return Follower{SourceName{"pg/test"}, connection, slot, pools.pools, clock};
    }
    /// Follows until `until` ends. Both are tasks of one group.
    template <class Until>
    void follow(Follower& follower, Until until) {
        auto body = [&](TaskGroup& group) -> Task<> {
            group.spawn(follower.follow(log.durable(), log));
            co_await until();
            group.request_stop();
        };
        run(io, in_group(body));
    }
    Task<std::string> sql(const PrivatePostgres& server, std::string statement) {
        return on_pool(pools.pools.blocking, [&server, statement] { return server.sql(statement); });
    }
    Task<Lsn> end_of_log(const PrivatePostgres& server) {
        co_return parse_lsn(co_await sql(server, "SELECT pg_current_wal_flush_lsn()"));
    }
};

Bytes file_bytes(const PrivatePostgres& server, std::uint32_t timeline, Lsn begin, Lsn end) {
    Bytes bytes;
    for (auto at = segment_start(begin, segment_bytes); at < end; at += segment_bytes)
        append(bytes, view_of(read_text(server.data() / "pg_wal" / segment_name(timeline, at, segment_bytes))));
    const auto first = begin % segment_bytes;
    return {bytes.begin() + static_cast<long>(first), bytes.begin() + static_cast<long>(first + end - begin)};
}

void check_against_server(const PrivatePostgres& server, const MemoryLog::Line& line) {
    CHECK(line.bytes == file_bytes(server, timeline_of(line.lineage), line.begin, line.end()));
    WalWalker walker{line.begin, segment_bytes};
    walker.feed(line.bytes);
    const auto events = walker.take();
    std::vector<Moment> moments;
    for (const auto& transaction : events.transactions) moments.push_back({transaction.end, transaction.time});
    CHECK(line.moments == moments);
    CHECK(line.last_whole == events.last_whole);
    CHECK(events.damages.empty());
}

PrivatePostgres::Options small_segments() {
    return {.settings = {"wal_keep_size = '128MB'", "track_commit_timestamp = on", "max_wal_size = '64MB'"},
            .segment_megabytes = 1};
}

std::string fill(int rows) {
    return "INSERT INTO t SELECT g, repeat('x', 300) FROM generate_series(1, " + std::to_string(rows) + ") g";
}

template <class Act>
Error failure_of(Act act) {
    try {
        act();
    } catch (const Error& error) {
        return error;
    }
    FAIL("nothing was thrown");
    throw 0;
}

ServerLog server_log(std::uint32_t timeline, const std::string& history, Lsn flushed) {
    ServerLog log;
    log.system_identifier = "73";
    log.history = parse_history(timeline, history);
    log.segment_bytes = segment_bytes;
    log.flushed = flushed;
    log.lineage = make_lineage("73", log.history, segment_bytes);
    return log;
}

}  // namespace

TEST_CASE("following begins where the archive, or the server, is") {
    const std::string two = "1\t0/523456\tno recovery target specified\n";
    const auto three = server_log(3, two + "\n2\t0/723456\tno recovery target specified\n", 0x900000);
    const auto lineages = lineages_of(three);
    REQUIRE(lineages.size() == 3);
    const auto start = [&](std::size_t lineage, Lsn at) { return find_start(three, position_in(lineages[lineage], at)); };

    SECTION("nothing archived: at the start of the segment being written") {
        const auto fresh = find_start(server_log(1, "", 0x345678), std::nullopt);
        CHECK(fresh.at == 0x300000);
        CHECK(fresh.lineage.name.text() == "73:1");
    }
    SECTION("on the server's timeline: exactly where the archive ends") {
        CHECK(start(2, 0x812348).at == 0x812348);
        CHECK(start(2, 0x812348).lineage.name == three.lineage.name);
    }
    SECTION("on a timeline that was left later: its rest first") {
        CHECK(start(0, 0x400008).lineage.name == lineages[0].name);
        CHECK(start(0, 0x400008).at == 0x400008);
    }
    SECTION("beyond the place where a timeline was left: the next one from its segment's start") {
        CHECK(start(0, 0x600000).lineage.name == lineages[1].name);
        CHECK(start(0, 0x600000).at == 0x500000);
        CHECK(start(0, 0x523456).lineage.name == lineages[1].name);
        CHECK(start(1, 0x800000).lineage.name == lineages[2].name);
        CHECK(start(1, 0x800000).at == 0x700000);
    }
    SECTION("in a history that the server does not have: the server's own from its beginning") {
        const auto other = make_lineage("73", parse_history(2, "1\t0/423456\tno recovery target specified\n"), segment_bytes);
        const auto found = find_start(three, position_in(other, 0x450000));
        CHECK(found.lineage.name == three.lineage.name);
        CHECK(found.at == 0x700000);
    }
    SECTION("another cluster is refused") {
        CHECK(failure_of([&] { find_start(three, LogPosition{LineageName{"74:1"}, 0x400000, {}}); }).fault() == Fault::conflict);
    }
}

TEST_CASE("the followed log is the server's, byte by byte and commit by commit", "[engine]") {
    PrivatePostgres server{small_segments()};
    server.sql("CREATE TABLE t (n int, filler text)");
    Place place;
    auto follower = place.follower(server);

    place.follow(follower, [&]() -> Task<> {
        co_await place.sql(server, fill(9000));
        for (int count = 0; count < 5; ++count) co_await place.sql(server, fill(1));
        co_await place.sql(server, "SELECT pg_switch_wal()");
        co_await place.sql(server, fill(1));
        co_await place.log.wait_for(co_await place.end_of_log(server));
        co_await place.log.wait_for_silence();
    });

    REQUIRE(place.log.lines.size() == 1);
    check_against_server(server, place.log.line());
    CHECK(place.log.known->time <= place.clock.now());
    CHECK(place.log.line().begin % segment_bytes == 0);
    CHECK(place.log.line().moments.size() >= 7);
    const auto newest = server.sql("SELECT extract(epoch FROM timestamp)::numeric * 1000000 FROM pg_last_committed_xact()");
    CHECK(newest.starts_with(std::to_string(place.log.line().moments.back().time.time_since_epoch().count())));
    CHECK(server.sql("SELECT slot_type FROM pg_replication_slots WHERE slot_name = '" + slot + "'") == "physical");
}

TEST_CASE("a follower that is stopped anywhere goes on without a byte or a commit lost or doubled", "[engine]") {
    PrivatePostgres server{small_segments()};
    server.sql("CREATE TABLE t (n int, filler text)");
    Place place;
    std::mt19937_64 random{Catch::rngSeed()};
    place.log.durability = MemoryLog::Durability::when_sealed;
    auto follower = place.follower(server);

    for (int round = 0; round < 8; ++round) {
        place.follow(follower, [&]() -> Task<> {
            co_await place.sql(server, fill(static_cast<int>(random() % 1500)));
            const auto end = co_await place.end_of_log(server);
            const auto begin = place.log.lines.empty() ? end : place.log.line().end();
            co_await place.log.wait_for(round == 7 ? end : std::min(end, begin + random() % (end - begin + 1)));
            if (random() % 3 != 0) co_await place.log.seal();
            if (round == 7) co_await place.log.seal();
        });
    }

    REQUIRE(place.log.lines.size() == 1);
    check_against_server(server, place.log.line());
    CHECK(parse_lsn(server.sql("SELECT restart_lsn FROM pg_replication_slots")) <= place.log.durable()->at);
}

TEST_CASE("what is durable is acknowledged, and nothing else", "[engine]") {
    PrivatePostgres server{small_segments()};
    server.sql("CREATE TABLE t (n int, filler text)");
    Place place;
    place.log.durability = MemoryLog::Durability::never;
    auto follower = place.follower(server);
    const auto flushed = "SELECT coalesce(flush_lsn, '0/0') FROM pg_stat_replication WHERE application_name = '" + slot + "'";

    place.follow(follower, [&]() -> Task<> {
        co_await place.sql(server, fill(3000));
        co_await place.log.wait_for(co_await place.end_of_log(server));
        CHECK(co_await place.sql(server, flushed) == "0/0");
        place.log.make_durable();
        const auto durable = to_text(place.log.durable()->at);
        while (co_await place.sql(server, flushed) != durable) {
        }
    });
}

TEST_CASE("a fast or smart shutdown of the server is not held by a follower", "[engine]") {
    using Durability = MemoryLog::Durability;
    const auto [mode, durability] = GENERATE(table<std::string, Durability>({{"fast", Durability::at_once},
                                                                             {"fast", Durability::when_sealed},
                                                                             {"fast", Durability::never},
                                                                             {"smart", Durability::at_once},
                                                                             {"smart", Durability::never}}));
    const std::string how = mode;
    const auto kind = durability;
    CAPTURE(how, static_cast<int>(kind));
    PrivatePostgres server{small_segments()};
    server.sql("CREATE TABLE t (n int, filler text)");
    Place place;
    place.log.durability = kind;
    auto follower = place.follower(server);

    std::chrono::steady_clock::duration took{};
    const auto error = failure_of([&] {
        place.follow(follower, [&]() -> Task<> {
            co_await place.sql(server, fill(3000));
            co_await place.log.wait_for(co_await place.end_of_log(server));
            const auto began = std::chrono::steady_clock::now();
            co_await on_pool(place.pools.pools.blocking, [&] { server.stop(how, 30); });
            took = std::chrono::steady_clock::now() - began;
            co_await place.log.changed.wait();  // until the follower has noticed
        });
    });

    CHECK(error.fault() == Fault::unreachable);
    CHECK_FALSE(server.is_running());
    CHECK(took < 20s);
    if (kind != Durability::at_once) CHECK(place.log.seals > 0);
    if (kind == Durability::never) {
        CHECK_FALSE(place.log.durable());
        return;
    }
    // All of it is in the archive, the shutdown's own checkpoint included, and following goes on after the start.
    CHECK(place.log.durable()->at == place.log.line().end());
    server.start();
    place.follow(follower, [&]() -> Task<> {
        co_await place.sql(server, fill(10));
        co_await place.log.wait_for(co_await place.end_of_log(server));
        co_await place.log.seal();
    });
    CHECK(place.log.lines.size() == 1);
    check_against_server(server, place.log.line());
}

TEST_CASE("a promoted standby is followed onto its new timeline", "[engine]") {
    PrivatePostgres primary{small_segments()};
    primary.sql("CREATE TABLE t (n int, filler text)");
    auto standby = PrivatePostgres::make_standby(primary, {"wal_keep_size = '128MB'"});
    Place place;
    auto follower = place.follower(*standby);
    const bool while_streaming = GENERATE(true, false);
    CAPTURE(while_streaming);

    place.follow(follower, [&]() -> Task<> {
        co_await place.sql(primary, fill(5000));
        co_await place.log.wait_for(co_await place.end_of_log(primary));
        if (while_streaming) {
            co_await on_pool(place.pools.pools.blocking, [&] { standby->promote(); });
            co_await place.log.wait_for_lineages(2);
        }
    });
    if (!while_streaming) standby->promote();
    place.follow(follower, [&]() -> Task<> {
        co_await place.sql(*standby, fill(5000));
        co_await place.log.wait_for_lineages(2);
        co_await place.log.wait_for(co_await place.end_of_log(*standby));
    });

    REQUIRE(place.log.lines.size() == 2);
    const auto& old = place.log.lines[0];
    const auto& grown = place.log.lines[1];
    REQUIRE(grown.lineage.parent);
    CHECK(grown.lineage.parent->lineage == old.lineage.name);
    CHECK(old.end() == grown.lineage.parent->at);
    CHECK(grown.begin == segment_start(grown.lineage.parent->at, segment_bytes));
    CHECK(timeline_of(grown.lineage) == 2);
    CHECK(grown.lineage.facts.at("history") == read_text(standby->data() / "pg_wal" / "00000002.history"));
    check_against_server(*standby, grown);
}

TEST_CASE("an old primary's tail beyond the switch stays a branch", "[engine]") {
    PrivatePostgres primary{small_segments()};
    primary.sql("CREATE TABLE t (n int, filler text)");
    auto standby = PrivatePostgres::make_standby(primary, {"wal_keep_size = '128MB'"});
    Place place;
    auto follower = place.follower(primary);
    standby->promote();
    place.follow(follower, [&]() -> Task<> {
        co_await place.sql(primary, fill(5000));
        co_await place.log.wait_for(co_await place.end_of_log(primary));
    });

    auto next = place.follower(*standby);
    place.follow(next, [&]() -> Task<> {
        co_await place.log.wait_for_lineages(2);
        co_await place.log.wait_for(co_await place.end_of_log(*standby));
    });

    REQUIRE(place.log.lines.size() == 2);
    CHECK(place.log.lines[0].end() > place.log.lines[1].lineage.parent->at);
    CHECK(place.log.lines[1].begin == place.log.lines[1].lineage.begins_at);
    check_against_server(*standby, place.log.lines[1]);
}

TEST_CASE("what forbids following is said before anything is streamed", "[engine]") {
    PrivatePostgres server{small_segments()};
    Place place;
    auto follower = place.follower(server);
    auto follow = [&](std::optional<LogPosition> from) {
        return failure_of([&] { run(place.io, follower.follow(std::move(from), place.log)); });
    };
    const auto system = server.sql("SELECT system_identifier FROM pg_control_system()");

    SECTION("a server that would take us for a synchronous standby") {
        server.configure({"synchronous_standby_names = '*'"});
        server.reload();
        while (server.sql("SHOW synchronous_standby_names") != "*") {
        }
        const auto error = follow(std::nullopt);
        CHECK(error.fault() == Fault::refused);
        CHECK(error.remedy().find("ALTER SYSTEM SET synchronous_standby_names") != std::string::npos);
    }
    SECTION("another cluster") { CHECK(follow(LogPosition{LineageName{"74:1"}, 0x400000, {}}).fault() == Fault::conflict); }
    SECTION("a server that has less than the archive") {
        CHECK(follow(LogPosition{LineageName{system + ":1"}, 0x40000000, {}}).fault() == Fault::conflict);
    }
    SECTION("a store that refuses") {
        place.log.blocked = Error{Fault::overloaded, "the store is full"};
        CHECK(follow(std::nullopt).sentence() == "the store is full");
    }
    SECTION("log that is not on the server any more") {
        server.sql("SELECT pg_switch_wal(); CHECKPOINT");
        CHECK(follow(LogPosition{LineageName{system + ":1"}, 0x000008, {}}).fault() == Fault::missing);
    }
    SECTION("a slot in use, with who uses it") {
        auto other = place.follower(server);
        std::optional<Error> error;
        place.follow(other, [&]() -> Task<> {
            co_await place.log.wait_for_lineages(1);
            while (co_await place.sql(server, "SELECT count(*) FROM pg_replication_slots WHERE active") != "1") {
            }
            try {
                co_await follower.follow(std::nullopt, place.log);
            } catch (const Error& caught) {
                error = caught;
            }
        });
        REQUIRE(error);
        CHECK(error->exit_code() == 11);
        CHECK(error->context().contains("pid"));
    }
    CHECK(place.log.lines.size() <= 1);
}

TEST_CASE("a lost slot is made anew, and following goes on while the log is there", "[engine]") {
    auto options = small_segments();
    options.settings = {"wal_keep_size = '0'", "max_wal_size = '4MB'", "min_wal_size = '2MB'", "max_slot_wal_keep_size = '1MB'"};
    PrivatePostgres server{options};
    server.sql("CREATE TABLE t (n int, filler text)");
    Place place;
    auto follower = place.follower(server);
    place.follow(follower, [&]() -> Task<> {
        co_await place.sql(server, fill(10));
        co_await place.log.wait_for(co_await place.end_of_log(server));
    });
    while (server.sql("SELECT wal_status FROM pg_replication_slots") != "lost") {
        server.sql(fill(9000));
        server.sql("CHECKPOINT");
    }

    const auto error = failure_of([&] { run(place.io, follower.follow(place.log.durable(), place.log)); });

    CHECK(error.fault() == Fault::missing);
    CHECK(server.sql("SELECT wal_status <> 'lost' FROM pg_replication_slots") == "t");
    run(place.io, follower.retire());
    CHECK(server.sql("SELECT count(*) FROM pg_replication_slots") == "0");
    run(place.io, follower.retire());
}

TEST_CASE("a probe makes the server write, and says what must arrive", "[engine]") {
    PrivatePostgres server{small_segments()};
    Place place;
    auto follower = place.follower(server);
    LogProbe probe;

    place.follow(follower, [&]() -> Task<> {
        co_await place.log.wait_for_lineages(1);
        for (const std::string mark : {"", "before upgrade"}) {
            probe = co_await follower.probe(mark);
            co_await place.log.wait_for(probe.written.at);
        }
    });

    CHECK(probe.written.lineage == place.log.line().lineage.name);
    WalWalker walker{place.log.line().begin, segment_bytes};
    walker.feed(place.log.line().bytes);
    const auto events = walker.take();
    REQUIRE(events.restore_points.size() == 1);
    CHECK(events.restore_points.front().name == "before upgrade");
    CHECK(events.restore_points.front().end == probe.written.at);
}

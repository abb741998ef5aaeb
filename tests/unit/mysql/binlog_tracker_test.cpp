#include "mysql/binlog_tracker.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "unit/mysql/binlog_bytes.hpp"
#include "varve/error.hpp"

namespace varve::mysql::test {
namespace {

constexpr std::uint32_t noon = 1'764'000'000;

Instant at(std::uint32_t second, int microseconds = 0) {
    return Instant{std::chrono::seconds{second} + std::chrono::microseconds{microseconds}};
}

/// What a tracker gave, put together as whoever stores it would.
struct Collected {
    std::map<std::string, Bytes> files;
    std::map<std::string, Fingerprint> fingerprints;
    std::vector<std::pair<std::string, Moment>> moments;
    std::optional<std::string> gtids;
    std::optional<Instant> known_through;

    void take(BinlogTracker& tracker) {
        for (auto& piece : tracker.take()) {
            auto& file = files[piece.file];
            if (!piece.bytes.empty()) {
                if (file.empty()) file.resize(piece.from);
                REQUIRE(file.size() == piece.from);
                append(file, piece.bytes);
            }
            REQUIRE(file.size() == piece.to);
            if (piece.fingerprint) fingerprints[piece.file] = *piece.fingerprint;
            for (const auto& moment : piece.moments) moments.emplace_back(piece.file, moment);
            gtids = piece.gtids;
            known_through = piece.known_through;
        }
    }
};

BinlogTracker tracker_at(const std::string& file, std::uint64_t offset = 0, std::optional<Gtids> gtids = {}) {
    return BinlogTracker{{.place = {file, offset}, .gtids = std::move(gtids)}};
}

/// A file with one transaction in it, ended by a ROTATE.
std::vector<Bytes> small_file(FileMaker& file, std::uint64_t number, const std::string& next) {
    std::vector<Bytes> events{file.format(noon + static_cast<std::uint32_t>(number))};
    std::vector<MariadbGtid> before;
    if (number > 1) before.push_back({0, 1, number - 1});
    events.push_back(file.gtid_list(before));
    events.push_back(file.gtid({0, 1, number}));
    events.push_back(file.query("INSERT INTO t VALUES (1)"));
    events.push_back(file.xid());
    if (!next.empty()) events.push_back(file.rotate(next));
    return events;
}

Fault fault_of(BinlogTracker& tracker, ByteView event) {
    try {
        tracker.feed(event, std::nullopt);
    } catch (const Error& error) {
        return error.fault();
    }
    return Fault::defect;
}

TEST_CASE("what a server makes up for replicas is left out, and each file is what the server has", "[mysql]") {
    FileMaker first{"bin.000001"}, second{"bin.000002"};
    const auto events_1 = small_file(first, 1, "bin.000002"), events_2 = small_file(second, 2, "");
    auto tracker = tracker_at("bin.000001");
    Collected got;

    tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
    for (const auto& event : events_1) tracker.feed(event, std::nullopt);
    tracker.feed(made_up_rotate("bin.000002", 4), std::nullopt);
    for (const auto& event : events_2) tracker.feed(event, std::nullopt);
    tracker.feed(heartbeat("bin.000002", second.offset()), std::nullopt);
    got.take(tracker);

    CHECK(got.files["bin.000001"] == first.bytes());
    CHECK(got.files["bin.000002"] == second.bytes());
    CHECK(got.fingerprints.size() == 2);
    CHECK(got.fingerprints["bin.000001"] != got.fingerprints["bin.000002"]);
    CHECK(got.gtids == "0-1-2");
    CHECK(tracker.place() == BinlogPlace{"bin.000002", second.offset()});
}

// A CRC-32 over events that end in theirs is the same for all of one length: that is how files of one second looked alike.
TEST_CASE("two files of one second that differ in what came before them have different fingerprints", "[mysql]") {
    std::vector<Fingerprint> seen;
    for (const std::uint64_t number : {7U, 8U}) {
        FileMaker file{"bin.000001"};
        auto tracker = tracker_at("bin.000001");
        tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
        tracker.feed(file.format(noon), std::nullopt);
        tracker.feed(file.gtid_list({{0, 1, number}}), std::nullopt);
        seen.push_back(tracker.take().at(0).fingerprint.value());
    }
    CHECK(seen[0] != seen[1]);
}

TEST_CASE("pieces join wherever they are taken", "[mysql]") {
    const auto seed = Catch::rngSeed() + 1;
    CAPTURE(seed);
    std::mt19937 dice{seed};
    FileMaker first{"bin.000001"}, second{"bin.000002"}, third{"bin.000003"};
    auto stream = std::vector<Bytes>{made_up_rotate("bin.000001", 4)};
    for (auto& event : small_file(first, 1, "bin.000002")) stream.push_back(event);
    stream.push_back(made_up_rotate("bin.000002", 4));
    for (auto& event : small_file(second, 2, "")) stream.push_back(event);  // the server died
    stream.push_back(made_up_rotate("bin.000003", 4));
    for (auto& event : small_file(third, 3, "bin.000004")) stream.push_back(event);

    for (int round = 0; round < 200; ++round) {
        auto tracker = tracker_at("bin.000001");
        Collected got;
        for (const auto& event : stream) {
            tracker.feed(event, std::nullopt);
            if (dice() % 3 == 0) got.take(tracker);
        }
        got.take(tracker);
        REQUIRE(got.files["bin.000001"] == first.bytes());
        REQUIRE(got.files["bin.000002"] == second.bytes());
        REQUIRE(got.files["bin.000003"] == third.bytes());
        REQUIRE(got.moments.size() == 3);
    }
}

TEST_CASE("reading resumes inside a file without what the server repeats of its begin", "[mysql]") {
    FileMaker whole{"bin.000001"};
    const auto events = small_file(whole, 1, "");
    const auto middle = whole.offset();
    auto tracker = tracker_at("bin.000001", middle, GtidState::parse("0-1-1"));
    FileMaker rest{"bin.000001", middle};
    Collected got;

    tracker.feed(made_up_rotate("bin.000001", middle), std::nullopt);
    tracker.feed(resume_format(), std::nullopt);
    tracker.feed(rest.gtid({0, 1, 2}), std::nullopt);
    tracker.feed(rest.query("INSERT"), std::nullopt);
    tracker.feed(rest.xid(), std::nullopt);
    got.take(tracker);

    CHECK(got.files["bin.000001"].size() == rest.offset());
    CHECK(Bytes(got.files["bin.000001"].begin() + static_cast<std::ptrdiff_t>(middle), got.files["bin.000001"].end()) ==
          Bytes(rest.bytes().begin() + 4, rest.bytes().end()));
    CHECK(got.gtids == "0-1-2");
    CHECK(got.fingerprints.empty());
}

TEST_CASE("an event that does not end where it says is a gap", "[mysql]") {
    FileMaker file{"bin.000001"};
    auto tracker = tracker_at("bin.000001");
    tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
    tracker.feed(file.format(), std::nullopt);
    tracker.feed(file.gtid_list({}), std::nullopt);
    file.gtid({0, 1, 1});  // never comes

    CHECK(fault_of(tracker, file.query("INSERT")) == Fault::missing);
}

TEST_CASE("a file that is not the announced one is a gap, and so is one that leaves out a number", "[mysql]") {
    FileMaker file{"bin.000001"};
    auto tracker = tracker_at("bin.000001");
    tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
    tracker.feed(file.format(), std::nullopt);
    tracker.feed(file.gtid_list({}), std::nullopt);

    SECTION("after a ROTATE") {
        tracker.feed(file.rotate("bin.000002"), std::nullopt);
        CHECK(fault_of(tracker, made_up_rotate("bin.000003", 4)) == Fault::missing);
    }
    SECTION("after a crash") { CHECK(fault_of(tracker, made_up_rotate("bin.000003", 4)) == Fault::missing); }
    SECTION("of another name") { CHECK(fault_of(tracker, made_up_rotate("other.000002", 4)) == Fault::missing); }
}

TEST_CASE("a file that says other transactions came before it is a gap", "[mysql]") {
    FileMaker first{"bin.000001"}, second{"bin.000002"};
    auto tracker = tracker_at("bin.000001");
    tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
    for (const auto& event : small_file(first, 1, "bin.000002")) tracker.feed(event, std::nullopt);
    tracker.feed(made_up_rotate("bin.000002", 4), std::nullopt);
    tracker.feed(second.format(), std::nullopt);

    SECTION("one more") { CHECK(fault_of(tracker, second.gtid_list({{0, 1, 2}})) == Fault::missing); }
    SECTION("of another server") { CHECK(fault_of(tracker, second.gtid_list({{0, 2, 1}, {0, 1, 1}})) == Fault::missing); }
    SECTION("a domain was given up") { CHECK_NOTHROW(tracker.feed(second.gtid_list({}), std::nullopt)); }
    SECTION("the same") { CHECK_NOTHROW(tracker.feed(second.gtid_list({{0, 1, 1}}), std::nullopt)); }
}

TEST_CASE("an event with a wrong checksum is damage, and is taken when it is known to be the server's", "[mysql]") {
    FileMaker file{"bin.000001"};
    auto tracker = tracker_at("bin.000001");
    tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
    tracker.feed(file.format(), std::nullopt);
    tracker.feed(file.gtid_list({}), std::nullopt);
    auto event = file.query("INSERT");
    event[event.size() - 6] ^= 1;

    CHECK(fault_of(tracker, event) == Fault::corrupt);
    tracker.accept_damage_at({"bin.000001", file.offset()});
    CHECK_NOTHROW(tracker.feed(event, std::nullopt));
}

TEST_CASE("checksums may be switched off from one file to the next", "[mysql]") {
    FileMaker first{"bin.000001"}, second{"bin.000002"};
    second.checksums = false;
    auto tracker = tracker_at("bin.000001");
    Collected got;
    const bool with_checksum = GENERATE(true, false);

    tracker.feed(made_up_rotate("bin.000001", 4, with_checksum), std::nullopt);
    for (const auto& event : small_file(first, 1, "bin.000002")) tracker.feed(event, std::nullopt);
    tracker.feed(made_up_rotate("bin.000002", 4, with_checksum), std::nullopt);
    for (const auto& event : small_file(second, 2, "bin.000003")) tracker.feed(event, std::nullopt);
    tracker.feed(made_up_rotate("bin.000003", 4, with_checksum), std::nullopt);
    got.take(tracker);

    CHECK(got.files["bin.000001"] == first.bytes());
    CHECK(got.files["bin.000002"] == second.bytes());
    CHECK(tracker.place().file == "bin.000003");
}

TEST_CASE("events of unknown types pass as bytes", "[mysql]") {
    FileMaker file{"bin.000001"};
    auto tracker = tracker_at("bin.000001");
    Collected got;
    tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
    tracker.feed(file.format(), std::nullopt);
    tracker.feed(file.gtid_list({}), std::nullopt);
    for (const int type : {0, 40, 99, 200, 255}) tracker.feed(file.add(static_cast<EventType>(type), Bytes(17, 3)), std::nullopt);
    got.take(tracker);

    CHECK(got.files["bin.000001"] == file.bytes());
}

// COM_BINLOG_DUMP and log_pos have 32 bits; one transaction may make a file larger.
TEST_CASE("a file of more than 4 GiB goes on beyond it", "[mysql]") {
    constexpr std::uint64_t nearly = (1ULL << 32) - 100;
    FileMaker file{"bin.000001", nearly};
    auto tracker = tracker_at("bin.000001", nearly);
    std::uint64_t end = nearly;

    tracker.feed(made_up_rotate("bin.000001", nearly), std::nullopt);
    tracker.feed(resume_format(), std::nullopt);
    for (int i = 0; i < 5; ++i) {
        tracker.feed(file.query("UPDATE t SET c = c + 1"), std::nullopt);
        for (const auto& piece : tracker.take()) {
            CHECK(piece.from == end);
            end = piece.to;
        }
    }

    CHECK(end == file.offset());
    CHECK(end > 1ULL << 32);
    CHECK(fault_of(tracker, event(EventType::query, Bytes(10), end)) == Fault::missing);
}

TEST_CASE("MariaDB's commit time is the latest of its events and, while it is followed live, when it came", "[mysql]") {
    FileMaker file{"bin.000001"};
    auto tracker = tracker_at("bin.000001");
    Collected got;
    tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
    tracker.feed(file.format(), std::nullopt);
    tracker.feed(file.gtid_list({}), std::nullopt);

    tracker.feed(file.gtid({0, 1, 1}, false, noon), std::nullopt);
    tracker.feed(file.query("UPDATE", noon), std::nullopt);
    tracker.feed(file.xid(noon + 9), std::nullopt);
    const auto first = file.offset();
    tracker.feed(file.gtid({0, 1, 2}, false, noon), at(noon + 60));
    tracker.feed(file.query("UPDATE", noon), at(noon + 60));
    tracker.feed(file.xid(noon), at(noon + 60, 250));
    const auto second = file.offset();
    tracker.feed(file.gtid({0, 1, 3}, true, noon + 70), std::nullopt);
    tracker.feed(file.query("CREATE TABLE t", noon + 71), std::nullopt);
    const auto third = file.offset();
    // SET TIMESTAMP is anybody's: nothing was committed after it came.
    const auto far = noon + 400'000'000;
    tracker.hear_at(at(noon + 80));
    tracker.feed(file.gtid({0, 1, 4}, true, far), at(noon + 80));
    tracker.feed(file.query("CREATE TABLE u", far), at(noon + 80));
    const auto fourth = file.offset();
    tracker.feed(file.gtid({0, 1, 5}, true, far), std::nullopt);
    tracker.feed(file.query("CREATE TABLE v", far), std::nullopt);
    got.take(tracker);

    REQUIRE(got.moments.size() == 5);
    CHECK(got.moments[0].second == Moment{first, at(noon + 9)});
    CHECK(got.moments[1].second == Moment{second, at(noon + 60, 250)});
    CHECK(got.moments[2].second == Moment{third, at(noon + 71)});
    CHECK(got.moments[3].second == Moment{fourth, at(noon + 80)});
    CHECK(got.moments[4].second == Moment{file.offset(), at(noon + 80)});
}

TEST_CASE("MySQL's commit time is the one in the head of the transaction, which also tells its end", "[mysql]") {
    FileMaker file{"bin.000001"};
    auto tracker = tracker_at("bin.000001");
    Collected got;
    tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
    tracker.feed(file.format(), std::nullopt);
    tracker.feed(file.add(EventType::mysql_previous_gtids, Bytes(8)), std::nullopt);
    Bytes body{0};
    body.resize(17, 0xab);
    put(body, 42, 8);
    body.push_back(2);
    put(body, 0, 16);
    put(body, 1'764'000'005'123'456ULL, 7);
    const auto begin = file.offset();
    // The head, and one event that holds all the rest: a transaction that the server compressed.
    put(body, event_header_bytes + body.size() + 1 + 4 + checksum_bytes + event_header_bytes + 50 + checksum_bytes, 1);
    put(body, 90'700, 4);
    tracker.feed(file.add(EventType::mysql_gtid, body), std::nullopt);
    tracker.feed(file.add(static_cast<EventType>(40), Bytes(50, 1)), at(noon + 99));
    got.take(tracker);

    REQUIRE(got.moments.size() == 1);
    CHECK(got.moments[0].second == Moment{file.offset(), Instant{std::chrono::microseconds{1'764'000'005'123'456}}});
    CHECK(got.gtids == "abababab-abab-abab-abab-abababababab:42");
    CHECK(file.offset() > begin);
}

TEST_CASE("a server that has nothing to send tells that nothing is missing", "[mysql]") {
    FileMaker file{"bin.000001"};
    auto tracker = tracker_at("bin.000001");
    Collected got;
    tracker.idle_at(at(noon));
    CHECK(tracker.take().empty());
    tracker.feed(made_up_rotate("bin.000001", 4), std::nullopt);
    for (const auto& event : small_file(file, 1, "")) tracker.feed(event, std::nullopt);
    got.take(tracker);

    tracker.idle_at(at(noon + 1));
    got.take(tracker);
    CHECK(got.known_through == at(noon + 1));
    // What comes afterwards is not covered by it.
    tracker.idle_at(at(noon + 2));
    tracker.feed(file.gtid({0, 1, 2}), std::nullopt);
    got.take(tracker);
    CHECK_FALSE(got.known_through);
}

TEST_CASE("whatever bytes come as an event, they are refused or taken, and nothing else", "[mysql]") {
    const auto seed = Catch::rngSeed() + 2;
    CAPTURE(seed);
    std::mt19937 dice{seed};
    for (int round = 0; round < 3000; ++round) {
        FileMaker file{"bin.000001"};
        auto tracker = tracker_at("bin.000001");
        std::vector<Bytes> stream{made_up_rotate("bin.000001", 4)};
        for (auto& event : small_file(file, 1, "bin.000002")) stream.push_back(event);
        auto& victim = stream[dice() % stream.size()];
        for (auto hits = 1 + dice() % 4; hits > 0; --hits) victim[dice() % victim.size()] = static_cast<std::uint8_t>(dice());
        if (dice() % 2 == 0) {  // so that a checksum does not shield what lies behind it
            victim.resize(victim.size() - checksum_bytes);
            put(victim, crc32(victim), 4);
        }
        try {
            for (const auto& event : stream) tracker.feed(event, std::nullopt);
            tracker.take();
        } catch (const Error& error) {
            const bool is_meant =
                error.fault() == Fault::missing || error.fault() == Fault::corrupt || error.fault() == Fault::unsupported;
            REQUIRE(is_meant);
        }
    }
}

}  // namespace
}  // namespace varve::mysql::test

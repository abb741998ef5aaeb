#include "postgresql/wal_files.hpp"

#include <catch2/catch.hpp>

#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "support/wal_builder.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace varve::postgresql;
using namespace varve::test;

namespace {

constexpr std::uint64_t segment_bytes = 1u << 20;

ServerLog server_on(std::uint32_t timeline, const std::string& history) {
    ServerLog log;
    log.system_identifier = "73";
    log.history = parse_history(timeline, history);
    log.segment_bytes = segment_bytes;
    log.flushed = 16 * segment_bytes;
    log.lineage = make_lineage("73", log.history, segment_bytes);
    return log;
}

/// One whole segment with a commit in it.
struct Segment {
    WalBuilder log;
    WalTransaction commit;
    explicit Segment(Lsn at) : log{at, segment_bytes}, commit{} {
        log.other(500);
        commit = log.transaction(9, 1'000'000);
        log.switch_segment();
    }
};

/// Gives the bytes of a file of zeros, ones, twos… by segment, up to where it was archived.
class MemoryArchive final : public LogSource {
public:
    LineagePath stretches;
    std::vector<Lineage> known;
    std::uint64_t archived_to = UINT64_MAX;

    const LineagePath& path() const override { return stretches; }
    const std::vector<Lineage>& lineages() const override { return known; }
    std::unique_ptr<ByteSource> read(LineageName, std::uint64_t from, std::uint64_t to) override {
        if (to > archived_to) throw Error{Fault::missing, "not archived"};
        return std::make_unique<Source>(from, to);
    }
    Task<std::vector<Moment>> moments(LineageName, std::uint64_t, std::uint64_t) override { co_return std::vector<Moment>{}; }
    Task<std::uint64_t> last_whole() override { co_return 0; }

    static std::uint8_t byte_at(std::uint64_t at) { return static_cast<std::uint8_t>(1 + at / segment_bytes); }

private:
    class Source final : public ByteSource {
    public:
        Source(std::uint64_t from, std::uint64_t to) : at_{from}, to_{to} {}
        Task<Bytes> read() override {
            Bytes block(std::min<std::uint64_t>(to_ - at_, 100'000), byte_at(at_));
            at_ += block.size();
            co_return block;
        }

    private:
        std::uint64_t at_, to_;
    };
};

template <class Act>
Fault fault_of_act(Act act) {
    try {
        act();
    } catch (const Error& error) {
        return error.fault();
    }
    FAIL("nothing was thrown");
    return Fault::defect;
}

}  // namespace

TEST_CASE("a segment that the server hands over is known by its header and its place in the history") {
    TempDir place;
    asio::io_context io;
    TestPools pools;
    const auto server = server_on(2, "1\t0/523456\tno recovery target specified\n");
    const Segment segment{4 * segment_bytes};
    const auto write = [&](const std::string& name, const Bytes& bytes) {
        write_text(place / name, std::string{text_of(bytes)});
        return place / name;
    };
    const auto identify = [&](const std::filesystem::path& path) {
        return run(io, identify_wal_file(path, server, pools.pools));
    };

    SECTION("with its lineage, its commits and its last whole record") {
        const auto file = identify(write("000000010000000000000004", segment.log.bytes()));
        CHECK(file.kind == LogFile::Kind::run);
        CHECK(file.lineage.name.text() == "73:1");
        CHECK(file.from == 4 * segment_bytes);
        CHECK(file.to == 5 * segment_bytes);
        CHECK(file.moments == std::vector{Moment{segment.commit.end, segment.commit.time}});
        CHECK(file.last_whole == segment.log.last_record());
    }
    SECTION("of another place, size, system or timeline it is refused") {
        auto other_system = segment.log.bytes();
        other_system[24] ^= 1;
        auto short_one = segment.log.bytes();
        short_one.pop_back();
        CHECK(fault_of_act([&] { identify(write("000000010000000000000005", segment.log.bytes())); }) == Fault::invalid);
        CHECK(fault_of_act([&] { identify(write("000000010000000000000004", other_system)); }) == Fault::invalid);
        CHECK(fault_of_act([&] { identify(write("000000010000000000000004", short_one)); }) == Fault::invalid);
        CHECK(fault_of_act([&] { identify(write("000000030000000000000004", segment.log.bytes())); }) == Fault::invalid);
        CHECK(fault_of_act([&] { identify(write("something", segment.log.bytes())); }) == Fault::invalid);
    }
    SECTION("a history tells its lineage, and what the archive does not need is other") {
        const auto history = identify(write("00000002.history", to_bytes(view_of(server.history.text))));
        CHECK(history.kind == LogFile::Kind::history);
        CHECK(history.lineage.name == server.lineage.name);
        CHECK(identify(write("000000010000000000000004.partial", {})).kind == LogFile::Kind::other);
        CHECK(identify(write("000000010000000000000004.00000028.backup", {})).kind == LogFile::Kind::other);
    }
}

TEST_CASE("a segment that ends beyond what the server has written is refused") {
    TempDir place;
    asio::io_context io;
    TestPools pools;
    auto server = server_on(1, "");
    const Segment segment{4 * segment_bytes};
    write_text(place / "000000010000000000000004", std::string{text_of(segment.log.bytes())});
    const auto identify = [&] { return run(io, identify_wal_file(place / "000000010000000000000004", server, pools.pools)); };

    server.flushed = 5 * segment_bytes;
    CHECK(identify().kind == LogFile::Kind::run);
    server.flushed = 5 * segment_bytes - 1;
    CHECK(fault_of_act([&] { identify(); }) == Fault::invalid);
}

TEST_CASE("a commit that runs over from the segment before is found while that segment lies beside it") {
    TempDir place;
    asio::io_context io;
    TestPools pools;
    const auto server = server_on(1, "");
    WalBuilder log{3 * segment_bytes, segment_bytes};
    while (log.position() + 5000 < 4 * segment_bytes) log.other(2000);
    const auto commit = log.transaction(9, 1'000'000, 0x00, Bytes(8000, 1));
    log.switch_segment();
    const auto part = [&](std::size_t index) {
        return std::string{text_of(ByteView{log.bytes()}.subspan(index * segment_bytes, segment_bytes))};
    };
    const auto before = place / "000000010000000000000003", name = place / "000000010000000000000004";
    write_text(before, part(0));
    write_text(name, part(1));

    const auto identified = run(io, identify_wal_file(name, server, pools.pools));
    CHECK(identified.moments == std::vector{Moment{commit.end, commit.time}});

    write_text(before, part(1));  // put to another use
    CHECK(run(io, identify_wal_file(name, server, pools.pools)).moments.empty());
    std::filesystem::remove(before);
    CHECK(run(io, identify_wal_file(name, server, pools.pools)).moments.empty());
}

TEST_CASE("a segment is served exactly as the path has it, zero behind its tip") {
    TempDir place;
    asio::io_context io;
    TestPools pools;
    const auto first = server_on(1, "").lineage;
    const auto second = server_on(2, "1\t0/523456\tno recovery target specified\n").lineage;
    const auto off_path = server_on(3, "1\t0/423456\tat restore point x\n").lineage;
    MemoryArchive archive;
    archive.stretches = {{first, 3 * segment_bytes + 100, 0x523456}, {second, 5 * segment_bytes, 6 * segment_bytes + 1000}};
    archive.known = {first, second, off_path};
    const auto fetch = [&](const std::string& name) {
        return run(io, fetch_wal_file(name, place / "fetched", archive, pools.pools));
    };
    const auto expected = [](Lsn from, Lsn to) {
        Bytes bytes(to - from, MemoryArchive::byte_at(from));
        bytes.resize(segment_bytes);
        return std::string{text_of(bytes)};
    };

    struct Row {
        const char* name;
        Lsn from, to;
    };
    for (const auto& row : {Row{"000000010000000000000003", 3 * segment_bytes, 4 * segment_bytes},
                            Row{"000000010000000000000005", 5 * segment_bytes, 0x523456},
                            Row{"000000020000000000000005", 5 * segment_bytes, 6 * segment_bytes},
                            Row{"000000020000000000000006", 6 * segment_bytes, 6 * segment_bytes + 1000}}) {
        CAPTURE(row.name);
        CHECK(fetch(row.name));
        CHECK(read_text(place / "fetched") == expected(row.from, row.to));
    }

    CHECK(fetch("00000002.history"));
    CHECK(read_text(place / "fetched") == second.facts.at("history"));
    CHECK(fetch("00000003.history"));  // off the path too: the server looks for a number that nobody used
    CHECK(read_text(place / "fetched") == off_path.facts.at("history"));
}

TEST_CASE("what is beyond the tip or off the path is absent, and what the path promises is never called absent") {
    TempDir place;
    asio::io_context io;
    TestPools pools;
    MemoryArchive archive;
    archive.stretches = {{server_on(1, "").lineage, 3 * segment_bytes, 5 * segment_bytes}};
    archive.known = {archive.stretches.front().lineage};
    const auto fetch = [&](const std::string& name) {
        return run(io, fetch_wal_file(name, place / "fetched", archive, pools.pools));
    };

    CHECK_FALSE(fetch("000000010000000000000005"));
    CHECK_FALSE(fetch("000000010000000000000002"));
    CHECK_FALSE(fetch("000000020000000000000004"));
    CHECK_FALSE(fetch("00000001.history"));
    CHECK_FALSE(fetch("00000002.history"));
    CHECK_FALSE(fetch("000000010000000000000004.partial"));
    archive.archived_to = 4 * segment_bytes;
    CHECK(fault_of_act([&] { fetch("000000010000000000000004"); }) == Fault::missing);
    CHECK(std::filesystem::is_empty(place.path()));
}

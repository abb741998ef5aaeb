#include "postgresql/lsn.hpp"

#include <catch2/catch.hpp>

#include "postgresql/lineage.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace varve::postgresql;

TEST_CASE("a log position reads back as it was printed") {
    CHECK(to_text(0x3000060) == "0/3000060");
    CHECK(to_text(0x1234abcd00000010) == "1234ABCD/10");
    CHECK(parse_lsn("0/3000060") == 0x3000060);
    CHECK(parse_lsn("1234abcd/10") == 0x1234abcd00000010);
}

TEST_CASE("what is no log position is refused") {
    const auto text = GENERATE(as<std::string>{}, "", "/", "0/", "/0", "0/0/0", "0/123456789", "0x1/2", "1 /2", "g/0");
    CAPTURE(text);

    CHECK_THROWS_AS(parse_lsn(text), Error);
}

TEST_CASE("a segment is named by timeline, position and segment size") {
    CHECK(segment_name(1, 0x3000060, 16u << 20) == "000000010000000000000003");
    CHECK(segment_name(0xa, 0x1'ff000000, 16u << 20) == "0000000A00000001000000FF");
    CHECK(segment_name(1, 0x1'40000000, 1u << 30) == "000000010000000100000001");
    CHECK(segment_name(1, 0x00300000, 1u << 20) == "000000010000000000000003");
    CHECK(history_name(0xab) == "000000AB.history");
}

TEST_CASE("the size of a segment is read as SHOW prints it") {
    CHECK(parse_segment_size("16MB") == 16u << 20);
    CHECK(parse_segment_size("1GB") == 1u << 30);
    CHECK(parse_segment_size("1024kB") == 1u << 20);
    const auto text = GENERATE(as<std::string>{}, "", "16", "3MB", "512kB", "2GB", "16 MB", "MB");
    CAPTURE(text);
    CHECK_THROWS_AS(parse_segment_size(text), Error);
}

TEST_CASE("a lineage is named by everything that led to it") {
    const std::string second = "1\t0/5000000\tno recovery target specified\n";
    const auto history = parse_history(3, second + "\n2\t0/6001230\tbefore 2026-11-23\n");
    const auto lineage = make_lineage("73", history, 16u << 20);
    const auto parent = make_lineage("73", parse_history(2, second), 16u << 20);
    const auto other = make_lineage("73", parse_history(3, second + "\n2\t0/6001230\tat restore point x\n"), 16u << 20);

    CHECK(lineage.name.text().starts_with("73:3:0/6001230:"));
    CHECK(lineage.name != other.name);
    CHECK(lineage.begins_at == 0x6000000);
    REQUIRE(lineage.parent);
    CHECK(lineage.parent->lineage == parent.name);
    CHECK(lineage.parent->at == 0x6001230);
    CHECK(parent.parent->lineage.text() == "73:1");
    CHECK(parent_of(history).text == second);
    CHECK(timeline_of(lineage) == 3);
    CHECK(system_identifier_of(lineage.name) == "73");
}

TEST_CASE("a history with a line out of order is corrupt") {
    const auto text =
        GENERATE(as<std::string>{}, "2\t0/1\tx\n1\t0/2\tx\n", "3\t0/1\tx\n", "one\t0/1\tx\n", "1\tnowhere\tx\n", "0\t0/1\tx\n");
    CAPTURE(text);

    CHECK_THROWS_AS(parse_history(3, text), Error);
}

TEST_CASE("a history may hold comments and blank lines") {
    CHECK(parse_history(2, "# comment\n\n  1  0/5000000  no reason\r\n").lines ==
          std::vector{HistoryLine{1, 0x5000000, "no reason"}});
}

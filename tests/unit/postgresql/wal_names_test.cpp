#include "postgresql/wal_names.hpp"

#include <catch2/catch.hpp>

using namespace varve::postgresql;

TEST_CASE("the names of log files mean what the server means by them") {
    using Kind = WalFileName::Kind;
    constexpr std::uint64_t mebibytes_16 = 16u << 20;

    CHECK(find_wal_name("000000010000000000000003", mebibytes_16) == WalFileName{Kind::segment, 1, 0x3000000, 0x4000000});
    CHECK(find_wal_name("0000000A00000001000000FF", mebibytes_16) == WalFileName{Kind::segment, 10, 0x1'ff000000, 0x2'00000000});
    CHECK(find_wal_name("000000010000000100000003", 1u << 30) == WalFileName{Kind::segment, 1, 0x1'c0000000, 0x2'00000000});
    CHECK(find_wal_name("000000010000000000000FFF", 1u << 20) == WalFileName{Kind::segment, 1, 0xfff00000, 0x1'00000000});
    CHECK(find_wal_name("000000010000000000000003.partial", mebibytes_16) == WalFileName{Kind::partial, 1, 0x3000000, 0x4000000});
    CHECK(find_wal_name("000000010000000000000003.00000028.backup", mebibytes_16) ==
          WalFileName{Kind::backup, 1, 0x3000000, 0x4000000});
    CHECK(find_wal_name("0000000A.history", mebibytes_16) == WalFileName{Kind::history, 10, 0, 0});
}

TEST_CASE("a name that the server would not use means nothing") {
    const auto name = GENERATE(as<std::string>{}, "", "RECOVERYXLOG", "0000000a.history", "00000000.history",
                               "000000010000000000000100", "00000001000000000000000", "0000000100000000000000031",
                               "000000010000000000000003.part", "000000010000000000000003.0000002.backup",
                               "../000000010000000000000003", "000000010000000000000003/x", "000000000000000000000003");
    CAPTURE(name);

    CHECK_FALSE(find_wal_name(name, 16u << 20));
}

TEST_CASE("a segment's name reads back as the place it was made of") {
    const std::uint64_t segment_bytes = GENERATE(1u << 20, 16u << 20, 1u << 30);
    for (Lsn at = 0; at < 0x5'00000000; at += 0x33'333333 / 8 * 8) {
        const auto found = find_wal_name(segment_name(7, at, segment_bytes), segment_bytes);
        REQUIRE(found);
        CHECK(found->from == segment_start(at, segment_bytes));
        CHECK(found->to == segment_end(at, segment_bytes));
    }
}

#include "postgresql/control_file.hpp"

#include <catch2/catch.hpp>

#include "varve/error.hpp"

using namespace varve;
using namespace varve::postgresql;

namespace {

// The used part of global/pg_control as initdb of PostgreSQL 15 and 18 wrote it.
constexpr std::string_view control_15 =
    "70d0d836eeda036b1405000025770d0c0100000000000000eeda036b00000000b029750100000000b0297501000000000100000001000000"
    "0100000000000000d402000000000000053500000100000000000000cc02000001000000010000000100000000000000eeda036b00000000"
    "00000000000000000000000000000000e8030000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000010000000000000064000000080000000a000000000000004000000000000000080000000000000087d632410020000000000200"
    "00200000000000014000000020000000cc07000000080000010000000100000081feec001f9ccdc36e6f52da82b0ac922a92fcb013580c51"
    "36f6bbac02d1c4650fa10dbe";
constexpr std::string_view control_18 =
    "33acf59a97dc036b080700003300120c010000000000000098dc036b0000000090b274010000000090b27401000000000100000001000000"
    "0100000001000000f002000000000000c33400000100000000000000e80200000100000001000000010000000000000098dc036b00000000"
    "00000000000000000000000000000000e8030000000000000000000000000000000000000000000000000000000000000000000000000000"
    "00000000010000000000000064000000080000000a000000000000004000000000000000080000000000000087d632410020000000000200"
    "00200000000000014000000020000000cc070000000800000100000001000000010fc85a9748d6337ed0e203c0e731f027ec2684a98525d0"
    "b74a452562c214bea100000043c328b4";

Bytes whole(std::string_view hex) {
    auto bytes = from_hex(hex);
    bytes.resize(control_file_bytes);
    return bytes;
}

}  // namespace

TEST_CASE("the control file of a new cluster of PostgreSQL 15 is read field by field", "[postgresql]") {
    const auto control = parse_control_file(whole(control_15));

    CHECK(control.system_identifier == 7711247703645671536u);
    CHECK(control.control_version == 1300);
    CHECK(control.catalog_version == 202209061);
    CHECK(control.state == ClusterState::shut_down);
    CHECK(control.checkpoint == 0x17529B0);
    CHECK(control.redo == 0x17529B0);
    CHECK(control.timeline == 1);
    CHECK(control.max_connections == 100);
    CHECK(control.max_worker_processes == 8);
    CHECK(control.max_wal_senders == 10);
    CHECK(control.max_prepared_transactions == 0);
    CHECK(control.max_locks_per_transaction == 64);
    CHECK(control.block_bytes == 8192);
    CHECK(control.relation_segment_blocks == 131072);
    CHECK(control.wal_segment_bytes == 16777216);
    CHECK(control.data_checksum_version == 1);
}

TEST_CASE("the control file of PostgreSQL 18 has its CRC four bytes later", "[postgresql]") {
    const auto control = parse_control_file(whole(control_18));

    CHECK(control.control_version == 1800);
    CHECK(control.data_checksum_version == 1);
    CHECK(control.wal_segment_bytes == 16777216);
}

TEST_CASE("a control file with one wrong bit is corrupt", "[postgresql]") {
    const auto text = GENERATE(control_15, control_18);
    auto bytes = whole(text);
    bytes[100] ^= 1;

    CHECK_THROWS_WITH(parse_control_file(bytes), Catch::Contains("does not match its CRC"));
}

TEST_CASE("a control file of a version that this build does not know is refused", "[postgresql]") {
    auto bytes = whole(control_15);
    bytes[8] = 0xB1;
    bytes[9] = 0x04;  // 1201: PostgreSQL 12

    try {
        parse_control_file(bytes);
        FAIL("it was read");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::unsupported);
        CHECK_THAT(error.sentence(), Catch::Contains("1201"));
    }
}

TEST_CASE("a control file that was cut off is corrupt", "[postgresql]") {
    CHECK_THROWS_AS(parse_control_file(from_hex(control_15)), Error);
}

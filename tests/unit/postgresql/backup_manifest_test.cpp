#include "postgresql/backup_manifest.hpp"

#include <catch2/catch.hpp>

#include "varve/check.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace varve::postgresql;

namespace {

std::string manifest_of(const std::string& files) {
    auto text = "{ \"PostgreSQL-Backup-Manifest-Version\": 1,\n\"Files\": [\n" + files +
                "\n],\n\"WAL-Ranges\": [\n{ \"Timeline\": 1, \"Start-LSN\": \"0/2000028\", \"End-LSN\": \"0/2000100\" }\n],\n";
    return text + "\"Manifest-Checksum\": \"" + to_hex(sha256(view_of(text))) + "\"}\n";
}

const std::string two_files =
    R"({ "Path": "base/5/1259", "Size": 5, "Last-Modified": "2026-11-23 02:00:00 GMT", "Checksum-Algorithm": "CRC32C", "Checksum": "4cbb719a" },)"
    "\n"
    R"({ "Encoded-Path": "6162ff", "Size": 0, "Last-Modified": "2026-11-23 02:00:00 GMT", "Checksum-Algorithm": "CRC32C", "Checksum": "00000000" })";

}  // namespace

TEST_CASE("the server's manifest is read with its escaped and encoded paths", "[postgresql]") {
    const auto escaped = R"({ "Path": "a\"b\\c\u0007", "Size": 1, "Last-Modified": "x" })";

    const auto files = parse_backup_manifest(manifest_of(two_files + ",\n" + escaped));

    REQUIRE(files.size() == 3);
    CHECK(files[0].path == "base/5/1259");
    CHECK(files[0].size == 5);
    CHECK(files[0].crc32c == "4cbb719a");
    CHECK(files[1].path == "ab\xff");
    CHECK(files[2].path == "a\"b\\c\a");
    CHECK(files[2].crc32c.empty());
}

TEST_CASE("a manifest that does not match its own checksum is corrupt", "[postgresql]") {
    auto text = manifest_of(two_files);
    text[text.find("1259")] = '2';

    CHECK_THROWS_AS(parse_backup_manifest(text), Error);
    CHECK_THROWS_AS(parse_backup_manifest("{}"), Error);
}

TEST_CASE("a file that did not arrive, or arrived otherwise, is named", "[postgresql]") {
    const auto manifest = parse_backup_manifest(manifest_of(two_files));
    const Bytes content = to_bytes(view_of("hello"));
    ReceivedFiles received;
    received.add("ab\xff", 0, 0);
    CHECK_THROWS_WITH(received.check(manifest), Catch::Contains("base/5/1259"));

    received.add("base/5/1259", 5, crc32c(content) ^ 1);
    CHECK_THROWS_WITH(received.check(manifest), Catch::Contains("base/5/1259"));

    received.add("base/5/1259", 5, crc32c(content));
    CHECK_NOTHROW(received.check(manifest));
}

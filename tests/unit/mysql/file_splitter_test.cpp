#include "mysql/file_splitter.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "unit/mysql/binlog_bytes.hpp"
#include "varve/error.hpp"

namespace varve::mysql::test {
namespace {

FileMaker made_file(const std::string& name, const std::string& next, bool checksums = true) {
    FileMaker file{name};
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

std::map<std::string, Bytes> split(ByteView log, const std::string& first, std::mt19937& dice, std::size_t at_once_max) {
    std::map<std::string, Bytes> files;
    const auto put = [&](const std::vector<FileSplitter::Part>& parts) {
        for (const auto& part : parts) {
            REQUIRE(files[part.file].size() == part.offset);
            append(files[part.file], part.bytes);
        }
    };
    FileSplitter splitter{first};
    while (!log.empty()) {
        const auto count = std::min<std::size_t>(log.size(), 1 + dice() % at_once_max);
        put(splitter.feed(log.first(count)));
        log = log.subspan(count);
    }
    put(splitter.finish());
    return files;
}

TEST_CASE("a log is cut into the files that it was made of, however its bytes come", "[mysql]") {
    const auto seed = Catch::rngSeed() + 4;
    CAPTURE(seed);
    std::mt19937 dice{seed};
    // Ended by a ROTATE to another name, by a crash, without checksums, and open.
    const std::vector<FileMaker> made{made_file("bin.000008", "other.000009"), made_file("other.000009", ""),
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
    FileMaker file{"bin.000001"};
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

TEST_CASE("bytes that are no binlog are refused", "[mysql]") {
    auto bytes = made_file("bin.000001", "").bytes();
    SECTION("no magic") { bytes[0] = 0; }
    SECTION("no event") { bytes[300] ^= 0xff, bytes[301] ^= 0xff, bytes.resize(bytes.size() + 100, 0x55); }
    FileSplitter splitter{"bin.000001"};
    CHECK_THROWS_AS(splitter.feed(bytes), Error);
}

TEST_CASE("files are named as a server names them", "[mysql]") {
    CHECK(next_file_name("bin.000009") == "bin.000010");
    CHECK(next_file_name("bin.999999") == "bin.1000000");
    CHECK(next_file_name("my.bin.000001") == "my.bin.000002");
    CHECK_THROWS_AS(next_file_name("bin"), Error);
}

}  // namespace
}  // namespace varve::mysql::test

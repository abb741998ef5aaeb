#include "mysql/log_map.hpp"

#include <catch2/catch.hpp>

#include "mysql/saved_log.hpp"
#include "support/temp_dir.hpp"
#include "varve/error.hpp"

namespace varve::mysql {
namespace {

LogMap some_map() {
    return {.lineage = LineageName{"uuid:bin.000003:17-ab"},
            .files = {{"bin.000003", 0, "17-ab"}, {"bin.000004", 1000, "18-cd"}, {"bin.000005", 1500, "19-ef"}}};
}

TEST_CASE("the name of a lineage tells the server, and the file that it begins with", "[mysql]") {
    const LineageParts parts{.server = "uuid", .first = {"my:bin.000003", 0, "17-ab"}};
    CHECK(lineage_name(parts) == LineageName{"uuid:my:bin.000003:17-ab"});
    const auto read = parse_lineage(lineage_name(parts));
    CHECK(read.server == "uuid");
    CHECK(read.first == parts.first);

    auto again = parts;
    again.attempt = 2;
    CHECK(lineage_name(again) != lineage_name(parts));
    CHECK(parse_lineage(lineage_name(again)).first == parts.first);
    CHECK(parse_lineage(lineage_name(again)).attempt == 2);
    CHECK_THROWS_AS(parse_lineage(LineageName{"7301:1"}), Error);
}

TEST_CASE("a position is a place of the file that it lies in, and the end of the earlier one where two meet", "[mysql]") {
    const auto map = some_map();
    CHECK(map.find_place(0) == BinlogPlace{"bin.000003", 0});
    CHECK(map.find_place(999) == BinlogPlace{"bin.000003", 999});
    CHECK(map.find_place(1000) == BinlogPlace{"bin.000003", 1000});
    CHECK(map.find_place(1001) == BinlogPlace{"bin.000004", 1});
    CHECK(map.find_place(9000) == BinlogPlace{"bin.000005", 7500});
}

TEST_CASE("files ahead of what was read are counted by their sizes", "[mysql]") {
    const auto map = some_map();
    const std::vector<BinlogFile> on_server{{"bin.000004", 500}, {"bin.000005", 300}, {"bin.000006", 70}, {"bin.000007", 20}};
    CHECK(map.find_position({"bin.000004", 4}, on_server) == 1004);
    CHECK(map.find_position({"bin.000006", 4}, on_server) == 1804);
    CHECK(map.find_position({"bin.000007", 9}, on_server) == 1879);
    CHECK_FALSE(map.find_position({"bin.000008", 4}, on_server));
    CHECK_FALSE(map.find_position({"bin.000001", 4}, on_server));
}

TEST_CASE("files before the oldest one known are counted back by their sizes", "[mysql]") {
    LogMap map{.lineage = LineageName{"uuid:bin.000001:x"}, .files = {{"bin.000005", 2000, "x"}, {"bin.000006", 2500, "y"}}};
    const std::vector<BinlogFile> on_server{{"bin.000002", 400}, {"bin.000003", 500}, {"bin.000004", 300}, {"bin.000005", 500}};
    CHECK(map.find_position({"bin.000004", 7}, on_server) == 1707);
    CHECK(map.find_position({"bin.000002", 4}, on_server) == 804);
    CHECK_FALSE(map.find_position({"bin.000001", 4}, on_server));

    map.files.front().begins_at = 700;  // more lies before it on the server than in the lineage
    CHECK_FALSE(map.find_position({"bin.000003", 4}, on_server));
}

TEST_CASE("a lineage's facts tell its newest files, and its name the first one", "[mysql]") {
    ServerFacts server;
    server.uuid = "uuid";
    auto map = some_map();
    CHECK(map_of(make_lineage(map, server)).files == map.files);

    for (std::uint64_t n = 6; n < 60; ++n) map.put({"bin." + std::to_string(100'000 + n), 1000 * n, "x"});
    const auto read = map_of(make_lineage(map, server));
    CHECK(read.files.size() == LogMap::files_max);
    CHECK(read.files.back() == MappedFile{"bin.100059", 59'000, "x"});
}

TEST_CASE("what is remembered of a log is read again, and what is damaged is nothing", "[mysql]") {
    const test::TempDir folder;
    SavedLog saved{
        .map = some_map(), .at = 1700, .gtids = "0-1-7", .server_id = 5, .identity = "uuid", .servers = {"uuid", "other"}};
    keep_saved_log(folder.path(), saved);
    const auto read = find_saved_log(folder.path());

    REQUIRE(read);
    CHECK(read->map.lineage == saved.map.lineage);
    CHECK(read->map.files == saved.map.files);
    CHECK(read->at == 1700);
    CHECK(read->gtids == "0-1-7");
    CHECK(read->server_id == 5);
    CHECK(read->identity == "uuid");
    CHECK(read->servers == saved.servers);

    test::write_text(folder / "binlog-state", "something else\n");
    CHECK_FALSE(find_saved_log(folder.path()));
}

TEST_CASE("a server that has the transactions of another one took over from it, and a stranger did not", "[mysql]") {
    SavedLog saved{.map = some_map(), .at = 0, .gtids = "0-1-7", .server_id = 1, .identity = "uuid", .servers = {"uuid"}};
    ServerFacts server;
    server.flavour = Flavour::mariadb;
    server.uuid = "other";
    server.variables = {{"server_id", "2"}, {"gtid_domain_id", "0"}};
    CHECK(continues(saved, server, "0-1-7"));
    CHECK_FALSE(continues(saved, server, "0-3-7"));
    CHECK_FALSE(continues(saved, server, ""));
    server.variables["server_id"] = "1";  // as every server that nobody numbered
    CHECK_FALSE(continues(saved, server, "0-1-9"));

    server.flavour = Flavour::mysql;
    saved.gtids = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9";
    CHECK(continues(saved, server, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-8"));
    CHECK_FALSE(continues(saved, server, "4e11fa47-71ca-11e1-9e33-c80aa9429562:1-8"));
}

TEST_CASE("files are counted by the number in their name", "[mysql]") {
    CHECK(follows("bin.000009", "bin.000010"));
    CHECK(follows("bin.999999", "bin.1000000"));
    CHECK_FALSE(follows("bin.000009", "bin.000011"));
    CHECK_FALSE(follows("bin.000009", "other.000010"));
    CHECK_FALSE(follows("bin", "bin.000001"));
    CHECK(find_place("bin.000001:1097") == BinlogPlace{"bin.000001", 1097});
    CHECK(find_place("my:bin.000001:4") == BinlogPlace{"my:bin.000001", 4});
    CHECK_FALSE(find_place("1097"));
    CHECK_FALSE(find_place("bin.000001:x"));
}

}  // namespace
}  // namespace varve::mysql

#include "mysql/source_settings.hpp"

#include <catch2/catch.hpp>

#include "mysql/check.hpp"
#include "varve/error.hpp"

namespace varve::mysql {
namespace {

TEST_CASE("a connection is read from its URL", "[mysql]") {
    const auto tcp = parse_connection("mysql://varve@db.example.org:3307");
    CHECK(tcp.user == "varve");
    CHECK(tcp.host == "db.example.org");
    CHECK(tcp.port == 3307);
    CHECK(tcp.socket.empty());

    const auto local = parse_connection("mariadb://varve@localhost?socket=/run/mysqld/mysqld.sock");
    CHECK(local.socket == "/run/mysqld/mysqld.sock");
    CHECK(parse_connection("mysql://varve@localhost").socket == "/run/mysqld/mysqld.sock");
    CHECK(parse_connection("mysql://varve@localhost:3306").socket.empty());
    CHECK(parse_connection("mysql://a%40b@127.0.0.1/mysql").user == "a@b");
    CHECK(parse_connection("mysql://varve@[::1]:3310").host == "::1");
    CHECK(parse_connection("mysql://varve@[::1]:3310").port == 3310);
    CHECK(parse_connection("mysql://varve@db").port == 3306);
}

TEST_CASE("a connection that cannot be understood is refused, and so is a password in it", "[mysql]") {
    const auto url =
        GENERATE(values<std::string>({"", "host=x", "postgresql://a@b", "mysql://varve:secret@db", "mysql://varve@db:x",
                                      "mysql://varve@db:0", "mysql://varve@db?sock=/x", "mysql://varve@[::1"}));
    try {
        parse_connection(url);
        FAIL("not refused");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::invalid);
        CHECK_FALSE(error.remedy().empty());
        CHECK(error.sentence().find("secret") == std::string::npos);
    }
}

ServerFacts good_server() {
    ServerFacts server;
    server.variables = {{"log_bin", "ON"},
                        {"server_id", "5"},
                        {"binlog_format", "ROW"},
                        {"binlog_row_image", "FULL"},
                        {"binlog_checksum", "CRC32"},
                        {"sync_binlog", "1"},
                        {"innodb_flush_log_at_trx_commit", "1"},
                        {"binlog_expire_logs_seconds", "2592000"}};
    return server;
}

TEST_CASE("a server as it should be has no finding, and each setting that is not has one with its remedy", "[mysql]") {
    CHECK(check_settings(good_server()).empty());
    const auto [name, value] = GENERATE(table<std::string, std::string>({
        {"log_bin", "OFF"},
        {"server_id", "0"},
        {"binlog_format", "STATEMENT"},
        {"binlog_format", "MIXED"},
        {"binlog_row_image", "MINIMAL"},
        {"binlog_checksum", "NONE"},
        {"sync_binlog", "0"},
        {"innodb_flush_log_at_trx_commit", "2"},
        {"binlog_expire_logs_seconds", "3600"},
        {"binlog_storage_engine", "innodb"},
    }));
    CAPTURE(name, value);
    auto server = good_server();
    server.variables[name] = value;
    const auto findings = check_settings(server);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].remedy.find(name == "binlog_expire_logs_seconds" ? "604800" : name.substr(0, 6)) != std::string::npos);
}

TEST_CASE("half of the time before the server purges what is not archived is when it is said", "[mysql]") {
    using namespace std::chrono_literals;
    const auto server = good_server();  // 30 days
    const Instant left{1'764'000'000s};
    CHECK(check_horizon(server, "bin.000001", left, left + 14 * 24h).empty());
    CHECK(check_horizon(server, "bin.000001", left, left + 16 * 24h).size() == 1);
    CHECK(check_horizon(server, "bin.000001", left, left + 40 * 24h).size() == 1);
    CHECK(check_horizon(server, "bin.000001", std::nullopt, left + 40 * 24h).empty());
    auto keeps = server;
    keeps.variables["binlog_expire_logs_seconds"] = "0";
    CHECK(check_horizon(keeps, "bin.000001", left, left + 400 * 24h).empty());
}

TEST_CASE("MariaDB says in days how long it keeps its log", "[mysql]") {
    ServerFacts server;
    server.variables = {{"expire_logs_days", "1.500000"}};
    CHECK(expiry_of(server) == std::chrono::hours{36});
    server.variables = {{"expire_logs_days", "0.000000"}, {"binlog_expire_logs_seconds", "0"}};
    CHECK_FALSE(expiry_of(server));
}

}  // namespace
}  // namespace varve::mysql

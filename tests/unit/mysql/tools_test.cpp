#include "mysql/tools.hpp"

#include <catch2/catch.hpp>

#include "mysql/source_settings.hpp"
#include "support/temp_dir.hpp"

namespace varve::mysql {
namespace {

TEST_CASE("what stays on this machine is told by its address, and not by a name that begins like one", "[mysql]") {
    CHECK(stays_here(parse_connection("mysql://varve@localhost")));
    CHECK(stays_here(parse_connection("mysql://varve@127.0.0.1:3306")));
    CHECK(stays_here(parse_connection("mysql://varve@127.3.2.1:3306")));
    CHECK(stays_here(parse_connection("mysql://varve@[::1]:3306")));
    CHECK(!stays_here(parse_connection("mysql://varve@127.example.org:3306")));
    CHECK(!stays_here(parse_connection("mysql://varve@127.1.example.org:3306")));
    CHECK(!stays_here(parse_connection("mysql://varve@10.0.0.1:3306")));
}

std::string login_text(const ConnectionSettings& settings, Flavour programs) {
    const test::TempDir room;
    const LoginFile login{room.path(), settings, "secret", programs};
    return test::read_text(login.path());
}

// The log that was applied to a server over a network went there in clear.
TEST_CASE("the server's programs verify a server beyond this machine as we do", "[mysql]") {
    auto remote = parse_connection("mysql://varve@db.example.org:3306");
    remote.ca = "/etc/ca.pem";

    const auto mariadb = login_text(remote, Flavour::mariadb), mysql = login_text(remote, Flavour::mysql);

    CHECK(mariadb.find("\nssl\nssl-verify-server-cert\nssl-ca=\"/etc/ca.pem\"\n") != std::string::npos);
    CHECK(mysql.find("\nssl-mode=VERIFY_IDENTITY\nssl-ca=\"/etc/ca.pem\"\n") != std::string::npos);
    remote.insecure = true;
    CHECK(login_text(remote, Flavour::mariadb).find("verify") == std::string::npos);
    CHECK(login_text(parse_connection("mysql://varve@127.0.0.1:3306"), Flavour::mysql).find("ssl") == std::string::npos);
}

}  // namespace
}  // namespace varve::mysql

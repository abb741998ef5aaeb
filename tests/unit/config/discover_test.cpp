#include "config/discover.hpp"

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "config/config.hpp"
#include "support/temp_dir.hpp"

namespace varve::test {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream{path} << text;
}

const std::string database = std::string{"SQLite format 3\0", 16} + std::string(500, 'x');

/// A host of its own.
struct Host {
    TempDir folder;
    DiscoverPlaces places{.host = folder.path(), .roots = {}, .hop3 = folder / "home/hop3"};

    std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& source : discover(places)) all.push_back(source.name);
        return all;
    }
};

TEST_CASE("an empty host has nothing to archive, and its configuration says so", "[config]") {
    Host host;
    REQUIRE(host.names().empty());
    REQUIRE(commented_config({}).find("Nothing was found") != std::string::npos);
}

TEST_CASE("servers, databases and Hop3's applications are found where they lie", "[config]") {
    Host host;
    write(host.folder / "run/postgresql/.s.PGSQL.5433", "");
    write(host.folder / "run/postgresql/.s.PGSQL.5433.lock", "");
    write(host.folder / "etc/postgresql/15/main/postgresql.conf", "port = 5433\n");
    write(host.folder / "run/mysqld/mysqld.sock", "");
    write(host.folder / "srv/shop/shop.db", database);
    write(host.folder / "srv/shop/named-oddly", database);
    write(host.folder / "srv/shop/named-oddly-wal", "");
    write(host.folder / "srv/shop/text.db", "no database");
    write(host.folder / "srv/shop/node_modules/x/cache.db", database);
    write(host.folder / "etc/hop3/secret-key", "x");
    write(host.folder / "home/hop3/apps/blog/data/x", "x");
    write(host.folder / "home/hop3/apps/blog/venv/x", "x");
    fs::create_directories(host.folder / "home/hop3/apps/empty");
    write(host.folder / "home/hop3/hop3.db", database);
    REQUIRE(host.names() == std::vector<std::string>{"pg/15-main", "mysql/main", "hop3/config", "hop3/blog",
                                                     "sqlite/shop-named-oddly", "sqlite/shop-shop", "sqlite/hop3-hop3"});
    const auto found = discover(host.places);
    REQUIRE_FALSE(found[1].supported);
    REQUIRE(found[3].settings.back().second.find("venv") == std::string::npos);
}

TEST_CASE("two databases of one name get two names, and roots that are named are the only ones", "[config]") {
    Host host;
    write(host.folder / "a/shop/shop.db", database);
    write(host.folder / "b/shop/shop.db", database);
    write(host.folder / "srv/else/else.db", database);
    host.places.roots = {host.folder / "a", host.folder / "b"};
    REQUIRE(host.names() == std::vector<std::string>{"sqlite/shop-shop", "sqlite/shop-shop-2"});
}

TEST_CASE("what is found is commented out, and valid when it is not", "[config]") {
    Host host;
    write(host.folder / "srv/shop/sh\"op.db", database);
    write(host.folder / "run/postgresql/.s.PGSQL.5432", "");
    const auto text = commented_config(discover(host.places));
    REQUIRE(text.find("\n[[source]]") == std::string::npos);

    // As a person takes it over.
    std::string edited;
    bool in_source = false;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        if (line == "# [[source]]") in_source = true;
        if (line.empty()) in_source = false;
        edited += (in_source ? line.substr(2) : line) + "\n";
    }
    const KnownKinds known{.drivers = {{.name = "postgresql", .keys = {"connection"}, .has_log = true},
                                       {.name = "sqlite", .keys = {"path"}, .has_log = true}},
                           .stores = {{.scheme = "file", .keys = {}}}};
    const auto checked = read_config({{.name = "varve.toml", .text = edited}}, known);
    for (const auto& problem : checked.problems) UNSCOPED_INFO(problem.what);
    REQUIRE(checked.problems.empty());
    REQUIRE(checked.config.sources.size() == 2);
}

}  // namespace
}  // namespace varve::test

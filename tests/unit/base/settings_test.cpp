#include "varve/settings.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "support/temp_dir.hpp"
#include "varve/error.hpp"

namespace varve::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a duration is a whole number and a unit") {
    CHECK(parse_duration("500ms") == 500ms);
    CHECK(parse_duration("10s") == 10s);
    CHECK(parse_duration("5min") == 5min);
    CHECK(parse_duration("1h") == 1h);
    CHECK(parse_duration("30d") == 720h);
    const auto text = GENERATE("", "10", "s", "12mo", "5m", "-1s", "1.5h", "1 h", "99999999999999999d");
    CAPTURE(text);
    CHECK_THROWS_AS(parse_duration(text), Error);
}

TEST_CASE("a size is a whole number of bytes, with or without a unit") {
    CHECK(parse_size("4096") == 4096);
    CHECK(parse_size("16MiB") == 16u << 20);
    CHECK(parse_size("1MB") == 1000000);
    const auto text = GENERATE("", "MiB", "1.5GiB", "-1", "1 MiB", "1mib", "99999999999TiB");
    CAPTURE(text);
    CHECK_THROWS_AS(parse_size(text), Error);
}

TEST_CASE("a setting of another form is refused with its key and its place") {
    Settings settings;
    settings.set("ship_interval", {{"often"}, false, "varve.toml:12"});
    settings.set("paths", {{"/a", "/b"}, true, "varve.toml:13"});
    settings.set("enabled", {{"yes"}, false, "varve.toml:14"});

    CHECK_THROWS_WITH(settings.find_duration("ship_interval"), Catch::Contains("varve.toml:12: `ship_interval`: not a duration"));
    CHECK_THROWS_WITH(settings.find_text("paths"), Catch::Contains("varve.toml:13") && Catch::Contains("paths"));
    CHECK_THROWS_WITH(settings.find_flag("enabled"), Catch::Contains("varve.toml:14"));
    CHECK_THROWS_WITH(settings.text("absent"), Catch::Contains("`absent`"));
    CHECK(settings.list("paths").size() == 2);
    CHECK(settings.list("enabled") == std::vector<std::string>{"yes"});
    CHECK(settings.list("absent").empty());
    CHECK_FALSE(settings.find_size("absent"));
}

TEST_CASE("a secret is read where its reference points, without its last newline") {
    const TempDir folder;
    write_text(folder / "secret", "s3cret\n\n");
    ::setenv("VARVE_TEST_SECRET", "from the environment", 1);
    ::setenv("CREDENTIALS_DIRECTORY", folder.path().c_str(), 1);

    CHECK(read_secret("file:" + (folder / "secret").string()) == "s3cret\n");
    CHECK(read_secret("env:VARVE_TEST_SECRET") == "from the environment");
    CHECK(read_secret("credential:secret") == "s3cret\n");
    CHECK_THROWS_AS(read_secret("env:VARVE_TEST_NO_SECRET"), Error);
    CHECK_THROWS_AS(read_secret("credential:../secret"), Error);
    ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_CASE("a secret written in place of its reference is refused and not repeated") {
    try {
        read_secret("hunter2:hunter2");
        FAIL("it was taken");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::invalid);
        CHECK(std::string{error.what()}.find("hunter2") == std::string::npos);
    }
}

}  // namespace
}  // namespace varve::test

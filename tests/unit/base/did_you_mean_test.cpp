#include "base/did_you_mean.hpp"

#include <catch2/catch.hpp>

using namespace varve;

TEST_CASE("a word with a third of its letters wrong still finds its neighbour, another word finds none") {
    const std::vector<std::string> known{"backup", "restore", "status", "wal-push", "wal-fetch", "log"};
    CHECK(did_you_mean("bakcup", known) == "backup");
    CHECK(did_you_mean("stauts", known) == "status");
    CHECK(did_you_mean("wal-fech", known) == "wal-fetch");
    CHECK(did_you_mean("lgo", known) == "log");
    CHECK_FALSE(did_you_mean("frobnicate", known));
    CHECK_FALSE(did_you_mean("x", {}));
    CHECK_FALSE(did_you_mean(std::string(4000, 'a'), known));
}

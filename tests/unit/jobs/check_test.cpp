#include "jobs/check_job.hpp"

#include <catch2/catch.hpp>

using namespace varve;

TEST_CASE("a mark has arrived when its own lineage is durable up to it") {
    const LogPosition mark{.lineage = LineageName{"2"}, .at = 100, .text = {}};
    const auto durable = [](const std::string& lineage, std::uint64_t at) {
        return std::optional{LogPosition{.lineage = LineageName{lineage}, .at = at, .text = {}}};
    };

    CHECK(covers(durable("2", 100), mark));
    CHECK_FALSE(covers(durable("2", 99), mark));
    CHECK_FALSE(covers(durable("1", 500), mark));
    CHECK_FALSE(covers(std::nullopt, mark));
    CHECK(covers(durable("1", 100), LogPosition{.lineage = {}, .at = 100, .text = {}}));
}

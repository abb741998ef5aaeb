#include "mysql/logical_rows.hpp"

#include <catch2/catch.hpp>
#include <limits>

namespace varve::mysql {
namespace {

LogicalTable table_of(std::uint64_t bytes) {
    LogicalTable table;
    table.database = "shop";
    table.name = "order/s";
    table.columns = {{"id", "`id`", "%"}, {"place", "HEX(`place`)", "UNHEX(%)"}};
    table.primary = {"id"};
    table.counts = true;
    table.bytes = bytes;
    return table;
}

TEST_CASE("a small table is one range") {
    const auto table = table_of(1000);
    const auto ranges = ranges_of(table, 1, 1'000'000, 64U << 20);

    REQUIRE(ranges.size() == 1);
    CHECK(ranges[0].where.empty());
    CHECK(ranges[0].path() == "data/shop/order%2fs/000000.tsv");
}

TEST_CASE("ranges meet each other and leave nothing out at either end") {
    const auto [first, last] =
        GENERATE(table<std::int64_t, std::int64_t>({{1, 1000}, {-500, 500}, {-1000, -1}, {0, 0}, {1, (1LL << 60)}, {5, 4}}));
    const auto table = table_of(1000);
    const auto ranges = ranges_of(table, first, last, 100);

    CHECK(ranges.front().where.find(">=") == std::string::npos);
    CHECK(ranges.back().where.find("< ") == std::string::npos);
    for (std::size_t i = 0; i + 1 < ranges.size(); ++i) {
        const auto end = ranges[i].where.substr(ranges[i].where.find("< ") + 2);
        CHECK(ranges[i + 1].where.find(">= " + end) != std::string::npos);
        CHECK(ranges[i].number == i);
    }
}

TEST_CASE("the borders of ranges stay where they are when the table grows at its end") {
    const auto before = ranges_of(table_of(1000), 10, 900, 100), after = ranges_of(table_of(1000), 10, 1000, 100);

    REQUIRE(before.size() > 3);
    CHECK(before[1].where == after[1].where);
}

TEST_CASE("a range is selected in the order of the key") {
    const auto table = table_of(1000);
    CHECK(select_statement({.table = &table, .number = 1, .where = "`id` >= 5"}) ==
          "SELECT `id`,HEX(`place`) FROM `shop`.`order/s` FORCE INDEX (PRIMARY) WHERE `id` >= 5 ORDER BY `id`");
}

TEST_CASE("fields that are not loaded as they are go through a variable") {
    const auto table = table_of(1);
    CHECK(load_statement(table.quoted(), table.columns, "x.tsv") ==
          "LOAD DATA LOCAL INFILE 'x.tsv' INTO TABLE `shop`.`order/s` CHARACTER SET binary (`id`,@f1) SET `place`=UNHEX(@f1)");
    CHECK(insert_head(table.quoted(), table.columns) == "INSERT INTO `shop`.`order/s` (`id`,`place`) VALUES ");
}

}  // namespace
}  // namespace varve::mysql

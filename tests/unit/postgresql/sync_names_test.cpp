#include "postgresql/sync_names.hpp"

#include <catch2/catch.hpp>

#include "varve/error.hpp"

using namespace varve;
using namespace varve::postgresql;

TEST_CASE("synchronous_standby_names is understood in all its forms") {
    struct Row {
        std::string setting;
        std::vector<std::string> names;
    };
    const auto row = GENERATE(values<Row>({{"", {}},
                                           {"  ", {}},
                                           {"*", {"*"}},
                                           {"s1", {"s1"}},
                                           {"s1, S2 ,\"s 3\"", {"s1", "S2", "s 3"}},
                                           {"2 (s1, s2, s3)", {"s1", "s2", "s3"}},
                                           {"FIRST 2 (s1, \"a\"\"b\")", {"s1", "a\"b"}},
                                           {"any 1 (s1, *)", {"s1", "*"}},
                                           {"first, any", {"first", "any"}},
                                           {"\"FIRST\" , x", {"FIRST", "x"}},
                                           {"1, 2", {"1", "2"}}}));
    CAPTURE(row.setting);

    CHECK(standby_names(row.setting) == row.names);
}

TEST_CASE("a form that the server refuses is refused") {
    const auto setting =
        GENERATE(as<std::string>{}, "s1,", ",s1", "FIRST 2", "FIRST 2 (", "2 (s1", "2 ()", "s1 s2", "\"open", "s-1");
    CAPTURE(setting);

    CHECK_THROWS_AS(standby_names(setting), Error);
}

TEST_CASE("our name is matched in any case, and by a star") {
    CHECK(is_synchronous("*", "varve_pg"));
    CHECK(is_synchronous("ANY 1 (s1, *)", "varve_pg"));
    CHECK(is_synchronous("s1, \"Varve_PG\"", "varve_pg"));
    CHECK_FALSE(is_synchronous("", "varve_pg"));
    CHECK_FALSE(is_synchronous("varve_pg_2, s1", "varve_pg"));
}

TEST_CASE("the statement that excludes us keeps everyone else") {
    CHECK(excluding_statement("FIRST 2 (s1, varve_pg, \"it's\")", "varve_pg") ==
          "ALTER SYSTEM SET synchronous_standby_names = 'FIRST 2 (s1, \"it''s\")'; SELECT pg_reload_conf();");
    CHECK(excluding_statement("varve_pg", "varve_pg") ==
          "ALTER SYSTEM SET synchronous_standby_names = ''; SELECT pg_reload_conf();");
    CHECK(excluding_statement("*", "varve_pg") ==
          "ALTER SYSTEM SET synchronous_standby_names = 'NAME_OF_A_STANDBY'; SELECT pg_reload_conf();");
}

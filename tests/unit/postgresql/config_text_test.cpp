#include "postgresql/config_text.hpp"

#include <catch2/catch.hpp>

using namespace varve::postgresql;

TEST_CASE("a line of postgresql.conf gives its name and value", "[postgresql]") {
    struct Row {
        std::string line, name, value;
    };
    const auto row = GENERATE(values<Row>({{"port = 5433", "port", "5433"},
                                           {"  Port 5433 # ours", "port", "5433"},
                                           {"port=5433", "port", "5433"},
                                           {"log_line_prefix = '%m [%p] '\t# x", "log_line_prefix", "%m [%p] "},
                                           {"restore_command = 'cp ''a b''/%f %p'", "restore_command", "cp 'a b'/%f %p"},
                                           {R"(x.y = 'a\'b\\c\n\101')", "x.y", "a'b\\c\nA"},
                                           {"include_dir 'conf.d'", "include_dir", "conf.d"},
                                           {"shared_buffers = 128MB", "shared_buffers", "128MB"},
                                           {"datestyle = 'iso, mdy'", "datestyle", "iso, mdy"}}));
    CAPTURE(row.line);

    const auto found = find_config_line(row.line);

    REQUIRE(found.has_value());
    CHECK(found->name == row.name);
    CHECK(found->value == row.value);
}

TEST_CASE("what PostgreSQL would not read as a setting is none", "[postgresql]") {
    const std::string line = GENERATE("", "   ", "# port = 1", "= 5", "port =", "port = 'open", "port = 1 2");
    CAPTURE(line);
    CHECK_FALSE(find_config_line(line).has_value());
}

TEST_CASE("only unwanted settings are put out of force, and their lines stay readable", "[postgresql]") {
    const std::string before =
        "port = 5432\nrecovery_target_time = '2026-01-01'  # old\nRestore_Command = 'x'\n#primary_conninfo = ''";

    const auto after = comment_out(before, [](const ConfigLine& line) { return is_recovery_setting(line.name); });

    CHECK(after ==
          "port = 5432\n# not restored: recovery_target_time = '2026-01-01'  # old\n# not restored: Restore_Command = 'x'\n"
          "#primary_conninfo = ''\n");
}

TEST_CASE("a value is written so that PostgreSQL reads the same value", "[postgresql]") {
    const std::string value = GENERATE("plain", "it's", R"(back\slash)", "two\nlines", "", "'");
    CAPTURE(value);

    auto line = config_setting("restore_command", value);
    REQUIRE(line.ends_with('\n'));
    line.pop_back();
    const auto read = find_config_line(line);

    REQUIRE(read.has_value());
    CHECK(read->value == value);
}

TEST_CASE("includes of each kind are found", "[postgresql]") {
    const auto settings =
        includes_of_settings("include 'a.conf'\ninclude_if_exists = 'b.conf'\ninclude_dir 'conf.d'\nport = 1\n");
    REQUIRE(settings.size() == 3);
    CHECK(settings[0].path == "a.conf");
    CHECK(settings[1].path == "b.conf");
    CHECK(settings[2].directory);

    const auto rules = includes_of_access_rules(
        "# @no\nlocal all @admins,alice peer\nhost \"my db\",@\"data bases\" all samehost md5\ninclude hba/extra.conf\n"
        "include_dir hba.d # @no\n");
    REQUIRE(rules.size() == 4);
    CHECK(rules[0].path == "admins");
    CHECK(rules[1].path == "data bases");
    CHECK(rules[2].path == "hba/extra.conf");
    CHECK(rules[3].directory);
}

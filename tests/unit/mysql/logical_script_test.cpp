#include "mysql/logical_script.hpp"

#include <catch2/catch.hpp>

#include "support/fault_of.hpp"

namespace varve::mysql {
namespace {

using namespace std::string_literals;

TEST_CASE("names and values are quoted so that nothing ends them early") {
    CHECK(quoted_name("a`b") == "`a``b`");
    CHECK(quoted_text("it's \\ \0"s) == "'it\\'s \\\\ \\0'");
}

TEST_CASE("any name becomes a path component and comes back") {
    const auto name = GENERATE("plain_1$"s, "with space"s, "a/b"s, ".."s, "50%"s, "k\xc3\xa4se"s, "\0"s);
    const auto component = path_component(name);

    CHECK(component.find('/') == std::string::npos);
    CHECK(component != "..");
    CHECK(name_of_component(component) == name);
}

TEST_CASE("statements come back from their file, whatever is in them") {
    const std::vector<std::string> statements{"SELECT 1", "BEGIN\n  SELECT ';;';\nEND", "a // b $$ c || d\n;;\n",
                                              "-- ends in a comment"};

    CHECK(statements_of(to_script(statements)) == statements);
    CHECK(statements_of(to_script({})).empty());
}

TEST_CASE("a file of statements that was cut is not taken for a shorter one") {
    const auto script = to_script({"SELECT 1", "SELECT 2"});
    CHECK(fault_of([&] { statements_of(script.substr(0, script.size() - 4)); }) == Fault::corrupt);
    CHECK(fault_of([] { statements_of("SELECT 1;\n"); }) == Fault::corrupt);
}

TEST_CASE("keys that can be added later are taken out of a table's definition") {
    const auto* create =
        "CREATE TABLE `t` (\n"
        "  `id` int(11) NOT NULL AUTO_INCREMENT,\n"
        "  `a` varchar(20) DEFAULT 'x,\\'y(' COMMENT 'KEY `k` (`a`),',\n"
        "  `b` enum('p','q''s') DEFAULT NULL,\n"
        "  PRIMARY KEY (`id`),\n"
        "  UNIQUE KEY `u` (`a`,`b`),\n"
        "  KEY `k` (`b`),\n"
        "  FULLTEXT KEY `f` (`a`),\n"
        "  CONSTRAINT `fk` FOREIGN KEY (`b`) REFERENCES `o` (`id`) ON DELETE CASCADE,\n"
        "  CONSTRAINT `c` CHECK (`id` > 0)\n"
        ") ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4";

    const auto parts = split_table(create);

    CHECK(parts.keys == std::vector<std::string>{"ADD UNIQUE KEY `u` (`a`,`b`)", "ADD KEY `k` (`b`)"});
    CHECK(parts.single_keys == std::vector<std::string>{"ADD FULLTEXT KEY `f` (`a`)"});
    CHECK(parts.foreign_keys ==
          std::vector<std::string>{"ADD CONSTRAINT `fk` FOREIGN KEY (`b`) REFERENCES `o` (`id`) ON DELETE CASCADE"});
    CHECK(parts.create ==
          "CREATE TABLE `t` (\n"
          "  `id` int(11) NOT NULL AUTO_INCREMENT,\n"
          "  `a` varchar(20) DEFAULT 'x,\\'y(' COMMENT 'KEY `k` (`a`),',\n"
          "  `b` enum('p','q''s') DEFAULT NULL,\n"
          "  PRIMARY KEY (`id`),\n"
          "  CONSTRAINT `c` CHECK (`id` > 0)\n"
          ") ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4");
}

TEST_CASE("the key of a column that counts by itself stays") {
    const auto parts = split_table(
        "CREATE TABLE `t` (\n  `a` int NOT NULL,\n  `n` int NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`a`),\n  KEY `n` (`n`),\n"
        "  KEY `x` (`a`,`n`)\n) ENGINE=InnoDB");

    CHECK(parts.keys == std::vector<std::string>{"ADD KEY `x` (`a`,`n`)"});
}

TEST_CASE("without a primary key the other keys stay: one of them may hold the rows") {
    const auto parts = split_table("CREATE TABLE `t` (\n  `a` int NOT NULL,\n  UNIQUE KEY `a` (`a`)\n) ENGINE=InnoDB");

    CHECK(parts.keys.empty());
}

TEST_CASE("a table whose counter moved was not altered") {
    const auto at = [](const std::string& number, const std::string& comment) {
        return "CREATE TABLE `t` (\n  `a` int AUTO_INCREMENT COMMENT ' AUTO_INCREMENT=3'\n) ENGINE=InnoDB AUTO_INCREMENT=" +
               number + " COMMENT='" + comment + "'";
    };
    CHECK(without_auto_increment(at("5", "x")) == without_auto_increment(at("17", "x")));
    CHECK(without_auto_increment(at("5", "x")) != without_auto_increment(at("5", "y")));
}

}  // namespace
}  // namespace varve::mysql

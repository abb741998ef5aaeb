#include "mysql/rights.hpp"

#include <catch2/catch.hpp>

namespace varve::mysql {
namespace {

Rights rights_of(const std::vector<std::string>& lines) {
    Rights rights;
    rights.user = "'varve'@'localhost'";
    for (const auto& line : lines) rights.add(line);
    return rights;
}

TEST_CASE("only what is granted on everything counts as a right", "[mysql]") {
    const auto rights =
        rights_of({"GRANT SELECT, SHOW VIEW ON *.* TO `varve`@`localhost` IDENTIFIED BY PASSWORD '*TRIGGER'",
                   "GRANT BACKUP_ADMIN,SHOW_ROUTINE ON *.* TO `EVENT ON *.* TO `@`localhost`",
                   "GRANT TRIGGER ON `shop`.* TO `varve`@`localhost`", "GRANT SELECT (`id`) ON `a`.`b` TO `x`@`y`",
                   "GRANT PROXY ON ''@'' TO 'root'@'localhost' WITH GRANT OPTION"});
    CHECK(rights.everywhere == std::set<std::string>{"SELECT", "SHOW VIEW", "BACKUP_ADMIN", "SHOW_ROUTINE"});
    CHECK(!rights.by_roles);
    CHECK(rights_of({"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"}).has("TRIGGER"));
}

TEST_CASE("what was revoked for one database is no right on everything", "[mysql]") {
    const auto rights = rights_of({"GRANT SELECT, EVENT ON *.* TO `varve`@`%`", "REVOKE SELECT ON `secret`.* FROM `varve`@`%`"});
    CHECK(!rights.has("SELECT"));
    CHECK(rights.has("EVENT"));
}

TEST_CASE("each right that a logical backup lacks is an error with its grant, and a warning where a role may have it",
          "[mysql]") {
    const auto some = rights_of({"GRANT SELECT, RELOAD, PROCESS ON *.* TO `varve`@`localhost`"});
    const auto findings = check_rights_to_copy(some, true, Method::logical);
    REQUIRE(findings.size() == 3);
    CHECK(findings[1].remedy == "GRANT TRIGGER ON *.* TO 'varve'@'localhost';");
    CHECK(findings[1].level == Finding::Level::error);
    CHECK(check_rights_to_copy(some, false, Method::automatic).size() == 5);
    CHECK(check_rights_to_copy(some, true, Method::physical).empty());

    for (const auto* role : {"GRANT `reader`@`%` TO `varve`@`localhost`", "GRANT `reader` TO `varve`@`localhost`"}) {
        auto with_role = some;
        with_role.add(role);
        CHECK(check_rights_to_copy(with_role, true, Method::logical).front().level == Finding::Level::warning);
        CHECK(check_rights(with_role, true).empty());
    }
    CHECK(check_rights(some, true).size() == 2);
}

}  // namespace
}  // namespace varve::mysql

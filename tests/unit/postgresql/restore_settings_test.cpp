#include "postgresql/restore_settings.hpp"

#include <catch2/catch.hpp>

#include "postgresql/config_adapt.hpp"
#include "postgresql/config_text.hpp"
#include "support/temp_dir.hpp"
#include "varve/error.hpp"
#include "varve/process.hpp"

using namespace varve;
using namespace varve::postgresql;

namespace {

Target target_of(Target::Kind kind, std::string text) {
    Target target;
    target.kind = kind;
    target.text = std::move(text);
    return target;
}

/// Runs a restore_command as the server would, with %f and %p filled in.
int run_as_server(std::string command, const std::string& name, const std::string& path) {
    for (auto [mark, value] :
         {std::pair{std::string{"%f"}, name}, {std::string{"%p"}, path}, {std::string{"%%"}, std::string{"%"}}})
        for (auto at = command.find(mark); at != std::string::npos; at = command.find(mark, at + value.size()))
            command.replace(at, mark.size(), value);
    Command shell;
    shell.arguments = {"sh", "-c", command};
    return run_command(shell).exit_code;
}

}  // namespace

TEST_CASE("each kind of target becomes the settings that mean it", "[postgresql]") {
    struct Row {
        Target target;
        std::string expected;
    };
    auto time = target_of(Target::Kind::time, "");
    time.time = from_rfc3339("2026-11-23T04:00:00.25+02:00");
    auto before = target_of(Target::Kind::lsn, "0/3000060");
    before.inclusive = false;
    const auto row = GENERATE_COPY(
        values<Row>({{target_of(Target::Kind::immediate, ""), "recovery_target = 'immediate'\n"},
                     {time, "recovery_target_time = '2026-11-23 02:00:00.250000+00'\nrecovery_target_inclusive = 'on'\n"},
                     {before, "recovery_target_lsn = '0/3000060'\nrecovery_target_inclusive = 'off'\n"},
                     {target_of(Target::Kind::xid, "731"), "recovery_target_xid = '731'\nrecovery_target_inclusive = 'on'\n"},
                     {target_of(Target::Kind::name, "it's"), "recovery_target_name = 'it''s'\n"}}));
    CAPTURE(row.expected);

    const auto text = recovery_settings({.target = row.target, .action = "pause", .timeline = 10, .restore_command = "true"});

    CHECK_THAT(text, Catch::Contains(row.expected));
    CHECK_THAT(text, Catch::Contains("recovery_target_timeline = '10'\n"));
    CHECK_THAT(text, Catch::Contains("recovery_target_action = 'pause'\n"));
    CHECK_THAT(text, Catch::Contains("archive_mode = 'off'\n"));
}

TEST_CASE("a copy to the end of the log has no target, and a production restore keeps archiving", "[postgresql]") {
    RecoveryOrders orders;
    orders.as_production = true;

    const auto text = recovery_settings(orders);

    CHECK_THAT(text, !Catch::Contains("recovery_target_action") && !Catch::Contains("archive_mode"));
}

TEST_CASE("settings of an older recovery do not survive in postgresql.auto.conf", "[postgresql]") {
    const std::string old =
        "# Do not edit\nwork_mem = '8MB'\nrecovery_target_time = '2020-01-01'\nprimary_conninfo = 'host=old password=secret'\n"
        "restore_command = 'old'\nprimary_slot_name = 'x'\nrecovery_end_command = 'old'\narchive_cleanup_command = 'old'\n"
        "archive_mode = 'on'\n";
    RecoveryOrders orders;
    orders.restore_command = "new";

    const auto text = with_recovery(old, orders);

    CHECK(find_setting(text, "work_mem") == "8MB");
    CHECK(find_setting(text, "restore_command") == "new");
    CHECK(find_setting(text, "archive_mode") == "off");
    for (const std::string gone :
         {"recovery_target_time", "primary_conninfo", "primary_slot_name", "recovery_end_command", "archive_cleanup_command"})
        CHECK_FALSE(find_setting(text, gone));
}

TEST_CASE("unknown actions and targets are refused", "[postgresql]") {
    RecoveryOrders orders;
    orders.action = "explode";
    CHECK_THROWS_AS(recovery_settings(orders), Error);
    orders.action = "pause";
    orders.target.kind = Target::Kind::gtid;
    CHECK_THROWS_AS(recovery_settings(orders), Error);
}

TEST_CASE("the staged log ends where its files end, and a lost folder or a failed copy is no end", "[postgresql]") {
    test::TempDir folder;
    const auto staged = folder / "it's 100% staged";
    test::write_text(staged / "000000010000000000000001", "log");
    const auto command = copying_command(staged);

    CHECK(run_as_server(command, "000000010000000000000001", folder / "here") == 0);
    CHECK(test::read_text(folder / "here") == "log");
    CHECK(run_as_server(command, "000000010000000000000002", folder / "here") == 1);
    CHECK(run_as_server(command, "000000010000000000000001", folder / "no such folder/here") == 255);
    std::filesystem::remove_all(staged);
    CHECK(run_as_server(command, "000000010000000000000001", folder / "here") == 255);
}

TEST_CASE("what is not staged is fetched, and the fetcher's exit code is the command's", "[postgresql]") {
    test::TempDir folder;
    test::write_text(folder / "staged/000000010000000000000001", "log");
    test::write_text(folder / "my varve", "#!/bin/sh\necho \"$@\" > \"$0.called\"\nexit 137\n");
    std::filesystem::permissions(folder / "my varve", std::filesystem::perms::owner_all);
    const auto command = fetching_command(folder / "staged", folder / "my varve", "/plans/a plan");

    CHECK(run_as_server(command, "000000010000000000000001", folder / "here") == 0);
    CHECK(run_as_server(command, "00000002.history", "pg_wal/RECOVERYHISTORY") == 137);
    CHECK(test::read_text(folder / "my varve.called") ==
          "wal-fetch --plan /plans/a plan 00000002.history pg_wal/RECOVERYHISTORY\n");
}

TEST_CASE("configuration from outside stands in the restored directory", "[postgresql]") {
    const OutsideConfig outside = {{"/etc/pg/postgresql.conf",
                                    "data_directory = '/srv/data'\nport = 5433\ninclude_dir 'conf.d'\ninclude "
                                    "'lost.conf'\ninclude '/srv/data/inner/x.conf'\n"},
                                   {"/etc/pg/conf.d/10.conf", "work_mem = 4MB\nrecovery_target_lsn = '0/1'\n"},
                                   {"/etc/pg/conf.d/20.conf", "work_mem = 8MB\n"}};
    const AdaptOptions options{.old_data_directory = "/srv/data", .home = "/srv/data", .unwanted = [](const ConfigLine& line) {
                                   return line.name == "data_directory" || is_recovery_setting(line.name);
                               }};

    const auto adapted = adapt_config(outside.at("/etc/pg/postgresql.conf"), "/etc/pg/postgresql.conf", outside, options);

    CHECK(find_setting(adapted.text, "work_mem") == "8MB");
    CHECK(find_setting(adapted.text, "port") == "5433");
    CHECK_FALSE(find_setting(adapted.text, "data_directory"));
    CHECK_FALSE(find_setting(adapted.text, "recovery_target_lsn"));
    CHECK_FALSE(find_setting(adapted.text, "include_dir"));
    CHECK(find_setting(adapted.text, "include") == "inner/x.conf");
    REQUIRE(adapted.inner.size() == 1);
    CHECK(adapted.inner[0] == "inner/x.conf");
}

TEST_CASE("includes inside the data directory stay relative to the file that names them", "[postgresql]") {
    const AdaptOptions options{
        .old_data_directory = "/srv/data", .home = "/srv/data/inner", .unwanted = [](const ConfigLine&) { return false; }};

    const auto adapted = adapt_config("include 'more.conf'\n", "/srv/data/inner/x.conf", {}, options);

    CHECK(adapted.text == "include = 'more.conf'\n");
    REQUIRE(adapted.inner.size() == 1);
    CHECK(adapted.inner[0] == "inner/more.conf");
}

TEST_CASE("access rules from included files are put in place", "[postgresql]") {
    const OutsideConfig outside = {{"/etc/pg/hba.d/1.conf", "local all all peer\n"}};

    const auto text = adapt_access_rules("host all all samehost md5\ninclude_dir hba.d\n", "/etc/pg/pg_hba.conf", outside);

    CHECK(text == "host all all samehost md5\n# not restored: include_dir hba.d\nlocal all all peer\n");
}

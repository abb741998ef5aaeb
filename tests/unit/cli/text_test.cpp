#include <catch2/catch.hpp>

#include "cli/format_text.hpp"
#include "sample_results.hpp"

namespace varve::cli::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("sizes are read at a glance") {
    CHECK(size_text(0) == "0 B");
    CHECK(size_text(1023) == "1023 B");
    CHECK(size_text(1024) == "1.0 KiB");
    CHECK(size_text(1288490189) == "1.2 GiB");
    CHECK(size_text((1ULL << 20) - 1) == "1.0 MiB");
    CHECK(size_text(~0ULL) == "16.0 EiB");
}

TEST_CASE("durations have two steps at most") {
    CHECK(duration_text(120ms) == "120 ms");
    CHECK(duration_text(3400ms) == "3.4 s");
    CHECK(duration_text(59s) == "59 s");
    CHECK(duration_text(125s) == "2 min 5 s");
    CHECK(duration_text(4h + 3min + 59s) == "4 h 3 min");
    CHECK(duration_text(51h) == "2 d 3 h");
    CHECK(duration_text(2h) == "2 h");
    CHECK(duration_text(-1500ms) == "-1.5 s");
}

TEST_CASE("ages look back and ahead") {
    const auto now = at("2026-11-23T08:00:00Z");

    CHECK(age_text(now - 3s, now) == "3 s ago");
    CHECK(age_text(now - 300ms, now) == "now");
    CHECK(age_text(now + 4h + 3min, now) == "in 4 h 3 min");
}

TEST_CASE("a table is as wide as its widest cells, counted in letters") {
    Table table{{{"NAME"}, {"SIZE", Table::Align::right}, {"NOTE"}}};
    table.add({"b\xc3\xa4r", "1.2 GiB", "x\ty"});
    table.add({"longer", "3 B", ""});

    CHECK(table.text() ==
          "NAME       SIZE  NOTE\n"
          "b\xc3\xa4r     1.2 GiB  x?y\n"
          "longer      3 B\n");
}

TEST_CASE("status is one screen: verdict, why, and what to do") {
    CHECK(to_text(sample_status()) ==
          R"(The service is running.

pg/main (postgresql): WARNING
  offsite is 12 min behind.
  last backup   5 h 59 min ago, 20261123T020000Z-1a2b3c4d, 1.2 GiB (310.0 MiB new in the repository)
  next backup   in 18 h
  server's log  at 0/5000148
  durable log   in local: 0/5000148, 3 s ago, nothing waits
                in offsite: 0/4000000, 12 min ago, 12 min behind: connection refused
  recovery      any instant from 2026-11-20 02:00:12Z to 2026-11-23 07:59:58Z
  gaps          0/2000000 to 0/3000000, 2026-11-19 10:00:00Z: the slot was lost
  last drill    never
  what to do    Look at offsite: varve check.
)");
}

TEST_CASE("a source that has nothing yet says so") {
    StatusResult status;
    status.sources.resize(1);
    status.sources[0].name = SourceName{"shop/uploads"};
    status.sources[0].driver = "files";
    status.sources[0].state = State::failed;
    status.sources[0].reason = "it was never backed up";
    status.service = false;

    CHECK(to_text(status) ==
          R"(The service is not running: nothing is archived now, and what follows is what the repositories hold.

shop/uploads (files): FAILED
  it was never backed up
  last backup   none
  recovery      no instant can be restored yet
  last drill    never
)");
    CHECK(to_text(StatusResult{}) == "No source is configured.\n");
}

TEST_CASE("a backup says what it read and what it stored") {
    CHECK(to_text(BackupRunResult{{sample_backup()}}) ==
          "pg/main: backup 20261123T020000Z-1a2b3c4d is stored in local\n"
          "  1042 files, 1.2 GiB; read 20.0 MiB, stored 5.0 MiB in 12 s\n");
}

TEST_CASE("the list of backups is a table") {
    BackupRow row;
    row.id = BackupId{"20261123T020000Z-1a2b3c4d"};
    row.source = SourceName{"pg/main"};
    row.stop_time = at("2026-11-23T02:00:12Z");
    row.kept_until = at("2026-12-23T02:00:00Z");
    row.tiers = "dw";
    row.bytes_source = 1288490189;
    row.bytes_stored = 5242880;
    row.copies = {RepositoryName{"local"}, RepositoryName{"offsite"}};

    CHECK(to_text(BackupListResult{{row}}) ==
          "BACKUP                     SOURCE   CONSISTENT AT         KEPT UNTIL            TIERS  STATE        SIZE   STORED  "
          "COPIES\n"
          "20261123T020000Z-1a2b3c4d  pg/main  2026-11-23 02:00:12Z  2026-12-23 02:00:00Z  dw     complete  1.2 GiB  5.0 MiB  "
          "local, "
          "offsite\n");
    CHECK(to_text(BackupListResult{}) == "No backup is stored yet.\n");
}

TEST_CASE("a restore plan reads as sentences") {
    RestorePlanResult plan;
    plan.source = SourceName{"pg/main"};
    plan.base = BackupId{"20261123T020000Z-1a2b3c4d"};
    plan.base_stop_time = at("2026-11-23T02:00:12Z");
    plan.target_requested = "time 2026-11-23T07:30:00Z";
    plan.target_position = "0/4FFF0A8";
    plan.explanation = "The last commit before it is at 07:29:58.";
    plan.path = {{LineageName{"7301-1"}, "0/3000028", "0/5000148"}};
    plan.bytes = 1288490189;
    plan.to = "/srv/copy";
    plan.notes = {"The backup is 6 hours older than the target."};

    CHECK(to_text(plan) ==
          "Restore pg/main to time 2026-11-23T07:30:00Z, into /srv/copy.\n"
          "  1. Write backup 20261123T020000Z-1a2b3c4d, consistent at 2026-11-23 02:00:12Z: 1.2 GiB.\n"
          "  2. Replay the log of 7301-1 from 0/3000028 to 0/5000148.\n"
          "Recovery stops at 0/4FFF0A8.\n"
          "The last commit before it is at 07:29:58.\n"
          "Note: The backup is 6 hours older than the target.\n");
}

TEST_CASE("the target is said in words") {
    Target target;
    CHECK(words_of(target, {}) == "latest");
    CHECK(words_of(target, BackupId{"b1"}) == "backup b1");
    target.kind = Target::Kind::gtid;
    target.text = "0-1-7";
    target.inclusive = false;
    CHECK(words_of(target, {}) == "before gtid 0-1-7");
}

TEST_CASE("check says of each part whether it is ok, and what to do where it is not") {
    CheckResult check;
    check.repositories.resize(1);
    check.repositories[0].name = RepositoryName{"local"};
    check.sources.resize(1);
    auto& source = check.sources[0];
    source.name = SourceName{"pg/main"};
    source.driver = "postgresql";
    source.version = "15.14";
    source.ok = false;
    source.findings = {{Finding::Level::error, "the role may not replicate", "ALTER ROLE varve REPLICATION;"}};

    CHECK(to_text(check) ==
          "repository local: ok\n"
          "source pg/main: NOT OK, postgresql 15.14\n"
          "  error: the role may not replicate\n"
          "         ALTER ROLE varve REPLICATION;\n");
}

TEST_CASE("init names the keys and the kit, and the steps after it") {
    InitResult init;
    init.repository_id = "00112233445566778899aabbccddeeff";
    init.host = "db1";
    init.copies = {RepositoryName{"local"}};
    init.keys_file = "/etc/varve/varve.keys";
    init.recovery_kit = "/root/varve-recovery.kit";
    init.next_steps = {"varve key prove"};

    CHECK(to_text(init) ==
          "Repository 00112233445566778899aabbccddeeff (managed) is made in local.\n"
          "Keys of this host (db1): /etc/varve/varve.keys\n"
          "Recovery kit: /root/varve-recovery.kit\n"
          "  It alone opens this repository when this host is gone. Keep it elsewhere, and off this host.\n"
          "Next:\n"
          "  varve key prove\n");
}

TEST_CASE("verify ends with the verdict") {
    VerifyResult verify;
    verify.level = 1;
    verify.backups = 1;
    verify.objects = 2;
    verify.bytes_read = 2048;
    CHECK(to_text(verify) == "Level 1 (hashes of objects): 2 objects of 1 backup, 2.0 KiB read in 0 ms.\nNothing is damaged.\n");

    verify.damaged = {{"pack/x", "its SHA-256 differs", {BackupId{"b1"}}}};
    verify.whole = false;
    CHECK(to_text(verify) ==
          "Level 1 (hashes of objects): 2 objects of 1 backup, 2.0 KiB read in 0 ms.\n"
          "The budget ended it before everything was looked at.\n"
          "1 object is DAMAGED:\n"
          "  pack/x: its SHA-256 differs\n"
          "    needed by b1\n");

    verify.damaged = {};
    verify.unanswered = {RepositoryName{"far"}};
    CHECK(to_text(verify) ==
          "Level 1 (hashes of objects): 2 objects of 1 backup, 2.0 KiB read in 0 ms.\n"
          "Repository far did NOT ANSWER to the end: nothing is known of the rest.\n"
          "No damage was found.\n");
}

}  // namespace
}  // namespace varve::cli::test

#include "postgresql/walk.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "support/temp_dir.hpp"

using namespace varve;
using namespace varve::postgresql;
namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t segment_blocks = 131072;
constexpr std::uint32_t catalog = 202209061;

/// A tree shaped like a cluster of PostgreSQL 15, with one of everything that a server leaves out.
void make_cluster(const fs::path& data) {
    for (const std::string file : {"PG_VERSION",
                                   "postgresql.conf",
                                   "postgresql.auto.conf",
                                   "postgresql.auto.conf.tmp",
                                   "postmaster.pid",
                                   "postmaster.opts",
                                   "backup_label",
                                   "backup_label.old",
                                   "tablespace_map",
                                   "standby.signal",
                                   "recovery.signal",
                                   "current_logfiles.tmp",
                                   "global/pg_control",
                                   "global/1262",
                                   "global/pg_internal.init",
                                   "global/pg_internal.init.77",
                                   "global/pg_filenode.map",
                                   "base/5/PG_VERSION",
                                   "base/5/1259",
                                   "base/5/1259_fsm",
                                   "base/5/1259.1",
                                   "base/5/t3_16390",
                                   "base/5/t3_16390_vm",
                                   "base/5/16400",
                                   "base/5/16400_init",
                                   "base/5/16400_fsm",
                                   "base/5/16400.1",
                                   "base/5/pg_internal.init",
                                   "base/pgsql_tmp/pgsql_tmp1.0",
                                   "pg_wal/000000010000000000000001",
                                   "pg_wal/archive_status/x.ready",
                                   "pg_replslot/slot/state",
                                   "pg_dynshmem/x",
                                   "pg_notify/0000",
                                   "pg_serial/x",
                                   "pg_snapshots/x",
                                   "pg_stat_tmp/x",
                                   "pg_subtrans/0000",
                                   "pg_xact/0000",
                                   "log/server.log"})
        test::write_text(data / file, file);
    fs::create_directories(data / "pg_tblspc");
}

std::set<std::string> paths_of(const Walk& walk) {
    std::set<std::string> paths;
    for (const auto& item : walk.items) CHECK(paths.insert(item.entry.path).second);
    return paths;
}

const WalkItem& item_of(const Walk& walk, const std::string& path) {
    for (const auto& item : walk.items)
        if (item.entry.path == path) return item;
    FAIL("not in the walk: " << path);
    throw std::logic_error{"unreachable"};
}

}  // namespace

TEST_CASE("a walk leaves out what PostgreSQL leaves out of its own base backups", "[postgresql]") {
    test::TempDir folder;
    make_cluster(folder / "data");

    const auto paths = paths_of(walk_cluster(folder / "data", 150020, catalog, segment_blocks));

    const std::set<std::string> expected = {"pgdata",
                                            "pgdata/PG_VERSION",
                                            "pgdata/base",
                                            "pgdata/base/5",
                                            "pgdata/base/5/1259",
                                            "pgdata/base/5/1259.1",
                                            "pgdata/base/5/1259_fsm",
                                            "pgdata/base/5/16400_init",
                                            "pgdata/base/5/PG_VERSION",
                                            "pgdata/global",
                                            "pgdata/global/1262",
                                            "pgdata/global/pg_filenode.map",
                                            "pgdata/log",
                                            "pgdata/log/server.log",
                                            "pgdata/pg_dynshmem",
                                            "pgdata/pg_notify",
                                            "pgdata/pg_replslot",
                                            "pgdata/pg_serial",
                                            "pgdata/pg_snapshots",
                                            "pgdata/pg_stat_tmp",
                                            "pgdata/pg_subtrans",
                                            "pgdata/pg_tblspc",
                                            "pgdata/pg_wal",
                                            "pgdata/pg_wal/archive_status",
                                            "pgdata/pg_xact",
                                            "pgdata/pg_xact/0000",
                                            "pgdata/postgresql.auto.conf",
                                            "pgdata/postgresql.conf"};
    CHECK(paths == expected);
}

TEST_CASE("pages are checked in files of relations only, with the block numbers of their segment", "[postgresql]") {
    test::TempDir folder;
    make_cluster(folder / "data");

    const auto walk = walk_cluster(folder / "data", 150020, catalog, segment_blocks);

    CHECK(item_of(walk, "pgdata/base/5/1259").first_block == 0u);
    CHECK(item_of(walk, "pgdata/base/5/1259.1").first_block == segment_blocks);
    CHECK(item_of(walk, "pgdata/base/5/1259_fsm").first_block == 0u);
    CHECK(item_of(walk, "pgdata/global/1262").first_block == 0u);
    CHECK_FALSE(item_of(walk, "pgdata/base/5/PG_VERSION").first_block);
    CHECK_FALSE(item_of(walk, "pgdata/global/pg_filenode.map").first_block);
    CHECK_FALSE(item_of(walk, "pgdata/pg_xact/0000").first_block);
}

TEST_CASE("tablespaces are followed into the folder of this server's version only", "[postgresql]") {
    test::TempDir folder;
    const auto data = folder / "data";
    make_cluster(data);
    test::write_text(folder / "fast/PG_15_202209061/5/16500", "ours");
    test::write_text(folder / "fast/PG_14_202107181/5/16500", "another server's");
    test::write_text(data / "pg_tblspc/16600/PG_15_202209061/5/16601", "in place");
    fs::create_symlink(folder / "fast", data / "pg_tblspc/16500");

    const auto walk = walk_cluster(data, 150020, catalog, segment_blocks);
    const auto paths = paths_of(walk);

    CHECK(paths.contains("tablespace/16500/PG_15_202209061/5/16500"));
    CHECK_FALSE(paths.contains("tablespace/16500/PG_14_202107181/5/16500"));
    CHECK(paths.contains("pgdata/pg_tblspc/16600/PG_15_202209061/5/16601"));
    REQUIRE(walk.tablespaces.size() == 1);
    CHECK(walk.tablespaces[0].oid == "16500");
    CHECK(walk.tablespaces[0].location == folder / "fast");
    CHECK(item_of(walk, "tablespace/16500/PG_15_202209061/5/16500").first_block == 0u);
}

TEST_CASE("a tablespace that lies inside the data directory is read once", "[postgresql]") {
    test::TempDir folder;
    const auto data = folder / "data";
    make_cluster(data);
    test::write_text(data / "inner/PG_15_202209061/5/16500", "ours");
    fs::create_symlink(data / "inner", data / "pg_tblspc/16500");

    const auto paths = paths_of(walk_cluster(data, 150020, catalog, segment_blocks));

    CHECK(paths.contains("tablespace/16500/PG_15_202209061/5/16500"));
    CHECK_FALSE(paths.contains("pgdata/inner"));
}

TEST_CASE("a pg_wal that was moved away behind a link is stored as an empty directory", "[postgresql]") {
    test::TempDir folder;
    const auto data = folder / "data";
    make_cluster(data);
    fs::rename(data / "pg_wal", folder / "wal");
    fs::create_symlink(folder / "wal", data / "pg_wal");

    const auto walk = walk_cluster(data, 150020, catalog, segment_blocks);

    CHECK(item_of(walk, "pgdata/pg_wal").entry.kind == EntryKind::directory);
    CHECK(item_of(walk, "pgdata/pg_wal/archive_status").entry.kind == EntryKind::directory);
    CHECK_FALSE(paths_of(walk).contains("pgdata/pg_wal/000000010000000000000001"));
}

TEST_CASE("links are stored as links, and what is no file is left out", "[postgresql]") {
    test::TempDir folder;
    const auto data = folder / "data";
    make_cluster(data);
    fs::create_symlink("/etc/ssl/certs/server.crt", data / "server.crt");
    REQUIRE(::mkfifo((data / "pipe").c_str(), 0600) == 0);

    const auto walk = walk_cluster(data, 150020, catalog, segment_blocks);

    CHECK(item_of(walk, "pgdata/server.crt").entry.kind == EntryKind::symlink);
    CHECK(item_of(walk, "pgdata/server.crt").entry.link_target == "/etc/ssl/certs/server.crt");
    CHECK_FALSE(paths_of(walk).contains("pgdata/pipe"));
}

TEST_CASE("what a walk finds carries its owner by name, for another host has other numbers", "[postgresql]") {
    test::TempDir folder;
    make_cluster(folder / "data");
    const auto* me = ::getpwuid(::geteuid());
    REQUIRE(me != nullptr);

    const auto walk = walk_cluster(folder / "data", 150020, 202209061, 131072);

    CHECK(item_of(walk, "pgdata").entry.user == me->pw_name);
    CHECK_FALSE(item_of(walk, "pgdata/base/5/1259").entry.group.empty());
}

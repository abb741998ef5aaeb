// What nobody in this process may do: unlock a database that is followed.
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "files/files_driver.hpp"
#include "sqlite/database.hpp"
#include "support/manual_clock.hpp"
#include "support/run.hpp"
#include "support/scripted_backup.hpp"
#include "support/temp_dir.hpp"
#include "varve/error.hpp"
#include "varve/process.hpp"

namespace varve::test {
namespace {

/// What SQLite's own program prints, in a process of its own.
std::string ask(const std::filesystem::path& database, const std::string& sql) {
    const Command command{
        .arguments = {"sqlite3", database.string(), sql}, .environment = {}, .user = {}, .directory = {}, .input = {}};
    const auto result = run_command(command);
    if (result.exit_code != 0) throw command_error(command, result);
    return result.output;
}

/// Whether another process may reset the WAL: only when nobody here reads.
bool is_locked(const std::filesystem::path& database) {
    return ask(database, "PRAGMA wal_checkpoint(TRUNCATE)").starts_with("1|");
}

struct Tree {
    TempDir folder;
    std::filesystem::path database = folder / "tree/shop.db";
    Tree() {
        std::filesystem::create_directory(folder / "tree");
        ask(database, "PRAGMA journal_mode=WAL; CREATE TABLE t (a)");
    }
    void write() const { ask(database, "INSERT INTO t VALUES (1)"); }
};

TEST_CASE("a thousand walks over a followed database leave its locks held", "[sqlite][files]") {
    Tree tree;
    const sqlite::FollowedDatabase followed{tree.database};
    tree.write();
    REQUIRE(is_locked(tree.database));

    asio::io_context io;
    TestPools pools;
    ManualClock clock{io.get_executor()};
    Settings settings;
    settings.set("paths", {{(tree.folder / "tree").string()}, true, "test:1"});
    const auto driver = files::make_driver(SourceName{"shop"}, settings, {pools.pools, clock, tree.folder / "state"});
    for (int walk = 0; walk < 1000; ++walk) {
        ScriptedBackupSink sink;
        run(io, driver->back_up({.label = "test", .read_everything = true}, sink));
        REQUIRE(sink.entries.size() == 2);  // the folder and the database
    }
    REQUIRE(is_locked(tree.database));
}

TEST_CASE("the locks would be lost by one plain close", "[sqlite]") {
    Tree tree;
    const sqlite::FollowedDatabase followed{tree.database};
    tree.write();
    REQUIRE(is_locked(tree.database));
    for (const auto& path : {tree.database, sqlite::shm_of(tree.database)}) {
        {
            const auto file = LocalFile::open(path);
        }
        REQUIRE(is_locked(tree.database));
    }
    ::close(::open(sqlite::shm_of(tree.database).c_str(), O_RDONLY));
    REQUIRE_FALSE(is_locked(tree.database));
}

TEST_CASE("a database that is let go may be checkpointed", "[sqlite]") {
    Tree tree;
    {
        const sqlite::FollowedDatabase followed{tree.database};
        tree.write();
        REQUIRE(is_locked(tree.database));
    }
    REQUIRE_FALSE(is_locked(tree.database));
}

}  // namespace
}  // namespace varve::test

// Against a private server of its own; skipped, with the reason printed, where there is none.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "postgresql/base_backup.hpp"
#include "postgresql/inspect.hpp"
#include "postgresql/restore.hpp"
#include "postgresql/restore_target.hpp"
#include "support/memory_backup.hpp"
#include "support/private_postgres.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"

using namespace varve;
using namespace varve::postgresql;
namespace fs = std::filesystem;

namespace {

bool no_server() {
    if (fs::exists(test::PrivatePostgres::bin_dir() / "initdb")) return false;
    WARN("skipped: no PostgreSQL server in " << test::PrivatePostgres::bin_dir());
    return true;
}

ConnectionSettings connection_to(const test::PrivatePostgres& server) {
    ConnectionSettings settings;
    settings.conninfo = server.conninfo();
    return settings;
}

/// A directory that the server's user can enter.
struct OpenFolder {
    test::TempDir folder;
    OpenFolder() { fs::permissions(folder.path(), fs::perms{0755}); }
};

/// Starts a server on a restored directory, asks, and stops it.
std::string ask_restored(const test::PrivatePostgres& tools, const fs::path& data, const std::string& sql) {
    const auto socket = tools.data().parent_path().string();
    const auto options = "-p 5499 -k " + socket + " -c listen_addresses=''";
    tools.tool(
        {"pg_ctl", "start", "-w", "-t", "120", "-D", data.string(), "-l", (data / "recovery.log").string(), "-o", options});
    std::string answer;
    std::exception_ptr failure;
    try {
        const auto ask = [&](const std::string& question) {
            return tools.tool(
                {"psql", "-XAtq", "-d", "host=" + socket + " port=5499 user=postgres dbname=postgres", "-c", question});
        };
        // A server answers as soon as it is consistent; the end of recovery comes a moment later.
        for (int asked = 0; asked < 1000 && ask("SELECT pg_is_in_recovery()") == "t"; ++asked) {
        }
        answer = ask(sql);
    } catch (...) {
        failure = std::current_exception();
    }
    tools.tool({"pg_ctl", "stop", "-w", "-m", "fast", "-D", data.string()});
    if (failure) std::rethrow_exception(failure);
    return answer;
}

std::string path_of(const test::PrivatePostgres& server, const std::string& relation) {
    return "pgdata/" + server.sql("SELECT pg_relation_filepath('" + relation + "')");
}

}  // namespace

TEST_CASE("a base backup by either way restores, without an archive, to a server that answers", "[postgresql][engine]") {
    if (no_server()) return;
    test::PrivatePostgres server;
    server.sql("CREATE TABLE ledger AS SELECT generate_series(1, 20000) AS id; CREATE UNLOGGED TABLE cache AS SELECT 1 AS x;");
    const auto cache = path_of(server, "cache");
    const auto ledger = path_of(server, "ledger");

    for (const bool by_files : {true, false}) {
        CAPTURE(by_files);
        OpenFolder place;
        asio::io_context io;
        test::TestPools threads;
        test::MemoryBackup backup;
        const BackupContext context{connection_to(server), threads.pools, {.label = by_files ? "by files" : "by stream"}};

        auto facts = test::run(io, by_files ? back_up_files(context, backup) : back_up_stream(context, backup));

        CHECK(facts.findings.empty());
        REQUIRE(facts.start);
        REQUIRE(facts.stop);
        CHECK(facts.stop->at > facts.start->at);
        CHECK(backup.stored().contains(ledger));
        CHECK(backup.stored().contains(cache + "_init"));
        CHECK_FALSE(backup.stored().contains(cache));
        CHECK(server.sql("SELECT count(*) FROM pg_replication_slots") == "0");
        server.sql("INSERT INTO ledger VALUES (0)");  // after the backup: not in it

        backup.set_facts(std::move(facts));
        RestoreRequest request;
        request.to = place.folder / "restored";
        request.target = test::run(io, resolve_target({}, backup.facts(), nullptr));
        const auto restored = test::run(io, restore_cluster(request, backup, nullptr, threads.pools));

        CHECK(restored.bytes_written > 0);
        const auto answer = ask_restored(
            server, request.to, "SELECT count(*), min(id), (SELECT count(*) FROM cache), pg_is_in_recovery() FROM ledger");
        CHECK(answer == (by_files ? "20000|1|0|f" : "20001|0|0|f"));
        // As root the empty folder stays: the one above it is not the server's.
        const fs::path staged = request.to.string() + ".varve-wal";
        CHECK((!fs::exists(staged) || fs::is_empty(staged)));
    }
}

TEST_CASE("a page that is damaged on disk is named, and the backup is stored all the same", "[postgresql][engine]") {
    if (no_server()) return;
    test::PrivatePostgres server;
    server.sql("CREATE TABLE ledger AS SELECT generate_series(1, 20000) AS id; CHECKPOINT;");
    const auto path = path_of(server, "ledger");
    server.stop();
    {
        std::fstream file{server.data() / path.substr(7), std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(3 * 8192 + 4000);
        file.write("damage", 6);
    }
    server.start();
    asio::io_context io;
    test::TestPools threads;
    test::MemoryBackup backup;
    const BackupContext context{connection_to(server), threads.pools, {.label = "damaged"}};

    const auto facts = test::run(io, back_up_files(context, backup));

    REQUIRE(facts.findings.size() == 1);
    CHECK(facts.findings[0].level == Finding::Level::error);
    CHECK_THAT(facts.findings[0].what, Catch::Contains(path + " do not match their checksum: block 3"));
    CHECK(backup.stored().contains(path));
}

TEST_CASE("an inspection tells what a server is and what it lacks, statement by statement", "[postgresql][engine]") {
    if (no_server()) return;
    test::PrivatePostgres server{{.settings = {"synchronous_standby_names = 'archiver'", "synchronous_commit = local"}}};
    server.sql("CREATE ROLE varve LOGIN");
    asio::io_context io;
    test::TestPools threads;
    SourceSettings settings;
    settings.primary = connection_to(server);
    settings.slot = "archiver";
    const auto state = test::run(io, inspect_source(settings, threads.pools));

    CHECK(state.identity == server.sql("SELECT system_identifier FROM pg_control_system()"));
    REQUIRE(state.position);
    CHECK(state.facts.at("method") == "files");
    CHECK(state.bytes > 0);

    settings.primary.conninfo = server.conninfo() + " user=varve";
    const auto poor = test::run(io, inspect_source(settings, threads.pools));
    std::string remedies;
    for (const auto& finding : poor.findings) remedies += finding.remedy + "\n";
    CHECK_FALSE(poor.position);
    CHECK_THAT(remedies, Catch::Contains("ALTER ROLE varve REPLICATION;"));
    CHECK_THAT(remedies, Catch::Contains("GRANT pg_read_all_settings TO varve;"));
    CHECK_THAT(remedies, Catch::Contains("GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO varve;"));
    CHECK_THAT(remedies, Catch::Contains("ALTER SYSTEM SET max_slot_wal_keep_size"));
    CHECK_THAT(remedies, Catch::Contains("ALTER SYSTEM SET synchronous_standby_names"));
}

#include "postgresql/check.hpp"

#include <catch2/catch.hpp>

#include "varve/error.hpp"

using namespace varve;
using namespace varve::postgresql;

namespace {

Cluster sound_cluster() {
    Cluster cluster;
    cluster.version_num = 150020;
    cluster.checksums = true;
    cluster.settings = {{"wal_level", "replica"},         {"max_wal_senders", "10"}, {"max_replication_slots", "10"},
                        {"full_page_writes", "on"},       {"fsync", "on"},           {"max_slot_wal_keep_size", "100GB"},
                        {"synchronous_standby_names", ""}};
    return cluster;
}

}  // namespace

TEST_CASE("a server that is set up well has nothing to be mended", "[postgresql]") {
    CHECK(check_settings(sound_cluster(), "varve_main_1234", 0).empty());
}

TEST_CASE("each setting that stands in the way is named with the statement that mends it", "[postgresql]") {
    struct Row {
        std::string name, value, remedy;
    };
    const auto row = GENERATE(values<Row>(
        {{"wal_level", "minimal", "ALTER SYSTEM SET wal_level = replica; then restart the server."},
         {"max_wal_senders", "1", "ALTER SYSTEM SET max_wal_senders = 10; then restart the server."},
         {"max_replication_slots", "0", "ALTER SYSTEM SET max_replication_slots = 10; then restart the server."},
         {"full_page_writes", "off", "ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf();"},
         {"fsync", "off", "ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();"},
         {"max_slot_wal_keep_size", "-1", "ALTER SYSTEM SET max_slot_wal_keep_size = '32GB'; SELECT pg_reload_conf();"},
         {"idle_replication_slot_timeout", "1d", "ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();"},
         {"synchronous_standby_names", "ANY 1 (a, varve_main_1234)", "ALTER SYSTEM SET synchronous_standby_names"}}));
    CAPTURE(row.name);
    auto cluster = sound_cluster();
    cluster.settings[row.name] = row.value;

    const auto findings = check_settings(cluster, "varve_main_1234", 64ull << 30);

    REQUIRE(findings.size() == 1);
    CHECK_THAT(findings[0].remedy, Catch::Contains(row.remedy));
    CHECK_THAT(findings[0].what, Catch::Contains(row.name));
}

TEST_CASE("a source's settings become connections, with a slot of its own", "[postgresql]") {
    Settings settings;
    const auto set = [&](const char* key, std::string value) {
        settings.set(key, {.values = {std::move(value)}, .is_list = false, .place = "varve.toml:3"});
    };
    set("connection", "host=/run/postgresql user=varve");
    set("tls.ca", "/etc/it's.pem");
    set("backup_from", "postgresql://standby/postgres?user=varve");

    const auto read = read_source_settings(SourceName{"pg/Main"}, settings);

    CHECK(read.primary.conninfo == "host=/run/postgresql user=varve sslrootcert='/etc/it\\'s.pem'");
    REQUIRE(read.backup_from);
    CHECK_THAT(read.backup_from->conninfo, Catch::StartsWith("postgresql://standby/postgres?user=varve&sslrootcert=/etc/it"));
    CHECK(read.method == Method::automatic);
    CHECK_THAT(read.slot, Catch::StartsWith("varve_pg__ain_"));
    CHECK(read.slot != default_slot(SourceName{"pg/main"}));
    CHECK(default_slot(SourceName{std::string(90, 'x')}).size() <= 63);

    set("method", "tape");
    CHECK_THROWS_WITH(read_source_settings(SourceName{"pg/main"}, settings), Catch::Contains("varve.toml:3"));
    set("method", "files");
    set("slot", "No Slot");
    CHECK_THROWS_AS(read_source_settings(SourceName{"pg/main"}, settings), Error);
}

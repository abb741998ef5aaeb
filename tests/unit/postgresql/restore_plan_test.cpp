#include "postgresql/restore_plan.hpp"

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>

#include "postgresql/restore_config.hpp"
#include "postgresql/restore_files.hpp"
#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

using namespace varve;
using namespace varve::postgresql;
namespace fs = std::filesystem;

namespace {

/// A backup in memory.
class MemoryBackup final : public RestoreSource {
public:
    MemoryBackup() {
        facts_.facts = {{"system_identifier", "77"},           {"server_version_num", "150020"},
                        {"catalog_version", "202209061"},      {"data_directory", "/srv/old"},
                        {"tablespace.16500.name", "fast"},     {"tablespace.16500.location", "/srv/fast"},
                        {"tablespace.16600.name", "inner"},    {"tablespace.16600.location", "/srv/old/inner"},
                        {"tablespace.16700.name", "in_place"}, {"tablespace.16700.location", ""}};
        add("label/backup_label");
        add("pgdata", EntryKind::directory);
        add("pgdata/base", EntryKind::directory);
        add("pgdata/base/1259");
        add("pgdata/global", EntryKind::directory);
        add("pgdata/global/pg_control");
        add("pgdata/link", EntryKind::symlink);
        add("tablespace/16500/PG_15_202209061", EntryKind::directory);
        add("tablespace/16500/PG_15_202209061/1");
        add("tablespace/16600/PG_15_202209061", EntryKind::directory);
        add("wal/000000010000000000000002");
    }

    void add(const std::string& path, EntryKind kind = EntryKind::file) {
        Entry entry;
        entry.path = path;
        entry.kind = kind;
        entry.mode = kind == EntryKind::directory ? 0700 : 0600;
        entry.size = kind == EntryKind::file ? 100 : 0;
        entry.link_target = kind == EntryKind::symlink ? "/elsewhere" : "";
        entry.uid = ::getuid();
        entries.push_back(entry);
    }
    void drop(const std::string& path) {
        std::erase_if(entries, [&](const Entry& entry) { return entry.path == path; });
    }

    const BackupFacts& facts() const override { return facts_; }
    Task<> each(EntryVisitor& visitor) override {
        for (const auto& entry : entries) co_await visitor.visit(entry);
    }
    Task<ContentWritten> write(std::vector<FileTarget> files, WriteMode) override {
        for (const auto& file : files) test::write_text(file.path, file.entry.path);
        co_return ContentWritten{.bytes = files.size(), .damage = {}, .harmed = {}};
    }
    std::unique_ptr<ByteSource> open(const Entry&) override { return nullptr; }

    BackupFacts facts_;
    std::vector<Entry> entries;
};

RestoreRequest request_to(const fs::path& to) {
    RestoreRequest request;
    request.to = to;
    request.tablespaces = {{"fast", to.parent_path() / "fast"}};
    return request;
}

Fault fault_when_checked(const RestorePlan& plan) {
    try {
        check_directories(plan);
    } catch (const Error& error) {
        return error.fault();
    }
    return Fault::defect;
}

}  // namespace

TEST_CASE("everything in a backup has one place, and tablespaces go where they are sent", "[postgresql]") {
    test::TempDir folder;
    MemoryBackup backup;

    const auto plan = test::run(make_restore_plan(request_to(folder / "new"), backup));

    REQUIRE(plan.tablespaces.size() == 2);
    CHECK(plan.tablespaces[0].location == folder / "fast");
    CHECK(plan.tablespaces[1].location == folder / "new/inner");
    Entry entry;
    entry.path = "tablespace/16500/PG_15_202209061/1";
    CHECK(plan.place_of(entry) == folder / "fast/PG_15_202209061/1");
    entry.path = "pgdata/base/1259";
    CHECK(plan.place_of(entry) == folder / "new/base/1259");
    entry.path = "pgdata/../outside";
    CHECK_THROWS_AS(plan.place_of(entry), Error);
}

TEST_CASE("a backup without label, pg_control or log is not restored", "[postgresql]") {
    const std::string lost = GENERATE("label/backup_label", "pgdata/global/pg_control", "wal/000000010000000000000002");
    MemoryBackup backup;
    backup.drop(lost);

    CHECK_THROWS_AS(test::run(make_restore_plan(request_to("/tmp/x"), backup)), Error);
}

TEST_CASE("a tablespace that the backup does not have is refused by name", "[postgresql]") {
    MemoryBackup backup;
    auto request = request_to("/tmp/x");
    request.tablespaces["slow"] = "/tmp/slow";

    CHECK_THROWS_WITH(test::run(make_restore_plan(request, backup)), Catch::Contains("slow"));
}

TEST_CASE("two tablespaces may not share a directory", "[postgresql]") {
    MemoryBackup backup;
    auto request = request_to("/tmp/x");
    request.tablespaces["inner"] = request.tablespaces["fast"];

    CHECK_THROWS_WITH(test::run(make_restore_plan(request, backup)), Catch::Contains("share"));
}

TEST_CASE("a directory that is not empty is restored into by a delta only", "[postgresql]") {
    test::TempDir folder;
    MemoryBackup backup;
    test::write_text(folder / "new/mine", "x");

    const auto plan = test::run(make_restore_plan(request_to(folder / "new"), backup));

    CHECK(fault_when_checked(plan) == Fault::conflict);
}

TEST_CASE("a delta is refused in a directory that is no cluster, and in one that a server runs on", "[postgresql]") {
    test::TempDir folder;
    MemoryBackup backup;
    auto request = request_to(folder / "new");
    request.mode = WriteMode::delta;
    const auto plan = test::run(make_restore_plan(request, backup));
    test::write_text(folder / "new/mine", "x");

    CHECK(fault_when_checked(plan) == Fault::refused);
    test::write_text(plan.marker(), "77");
    CHECK_NOTHROW(check_directories(plan));
    test::write_text(folder / "new/postmaster.pid", std::to_string(::getpid()) + "\n");
    CHECK(fault_when_checked(plan) == Fault::refused);

    // A process that is not seen here may be a server in another container.
    test::write_text(folder / "new/postmaster.pid", "4194304\n");
    CHECK_THROWS_WITH(check_directories(plan), Catch::Contains("a server may be running"));
    fs::remove(folder / "new/postmaster.pid");
    CHECK_NOTHROW(check_directories(plan));
}

TEST_CASE("a tablespace's directory that is in use is refused with the way out", "[postgresql]") {
    test::TempDir folder;
    MemoryBackup backup;
    test::write_text(folder / "fast/PG_15_202209061/5/1", "production");

    const auto plan = test::run(make_restore_plan(request_to(folder / "new"), backup));

    CHECK_THROWS_WITH(check_directories(plan), Catch::Contains("fast"));

    // An empty one may be in use as well: a tablespace without a table.
    fs::remove_all(folder / "fast/PG_15_202209061/5");
    CHECK_THROWS_WITH(check_directories(plan), Catch::Contains("fast"));
}

TEST_CASE("room is asked for the staged log too, and in a delta for nothing else", "[postgresql]") {
    test::TempDir folder;
    MemoryBackup backup;
    auto plan = test::run(make_restore_plan(request_to(folder / "new"), backup));
    const auto all = std::numeric_limits<std::uint64_t>::max() / 4;

    CHECK_FALSE(find_shortage(plan, 0));
    CHECK(find_shortage(plan, all));
    plan.bytes = all;
    CHECK(find_shortage(plan, 0));
    plan.mode = WriteMode::delta;
    CHECK_FALSE(find_shortage(plan, 0));
    CHECK(find_shortage(plan, all));
}

TEST_CASE("no server starts on a restored directory before the restore has ended", "[postgresql]") {
    test::TempDir folder;
    MemoryBackup backup;
    const auto plan = test::run(make_restore_plan(request_to(folder / "new"), backup));

    prepare_staging(plan);
    test::run(backup.write(log_to_stage(plan), WriteMode::create));
    prepare_directories(plan);
    const HeldFilesystems held{directories_of(plan)};
    test::run(backup.write(files_to_write(plan), WriteMode::create));
    CHECK_FALSE(fs::exists(folder / "new/global/pg_control"));
    CHECK(fs::exists(plan.marker()));
    finish_restore(plan, std::nullopt, {}, held);

    CHECK(test::read_text(folder / "new/global/pg_control") == "pgdata/global/pg_control");
    CHECK(test::read_text(folder / "new/backup_label") == "label/backup_label");
    CHECK(test::read_text(folder / "new.varve-wal/000000010000000000000002") == "wal/000000010000000000000002");
    CHECK(fs::read_symlink(folder / "new/pg_tblspc/16500") == folder / "fast");
    CHECK(fs::read_symlink(folder / "new/link") == "/elsewhere");
    CHECK(fs::is_directory(folder / "new/pg_notify"));
    CHECK_FALSE(fs::exists(plan.marker()));
}

TEST_CASE("a delta removes what the backup does not have, and old log before all", "[postgresql]") {
    test::TempDir folder;
    MemoryBackup backup;
    auto request = request_to(folder / "new");
    request.mode = WriteMode::delta;
    const auto plan = test::run(make_restore_plan(request, backup));
    const auto data = folder / "new";
    test::write_text(plan.marker(), "77");
    test::write_text(data / "global/pg_control", "old");
    test::write_text(data / "base/1259", "old");
    test::write_text(data / "base/9999", "dropped since");
    test::write_text(data / "standby.signal", "");
    test::write_text(data / "pg_replslot/slot/state", "");
    test::write_text(data / "global/1262/should be a file", "");
    fs::create_directories(folder / "log");
    test::write_text(folder / "log/000000010000000000000009", "old log");
    fs::create_directory_symlink(folder / "log", data / "pg_wal");
    test::write_text(folder / "fast/PG_15_202209061/9999", "dropped since");
    test::write_text(folder / "fast/PG_14_202107181/1", "another server's");
    fs::create_directories(data / "pg_tblspc");
    fs::create_directory_symlink(folder / "fast", data / "pg_tblspc/16500");

    prepare_directories(plan);

    CHECK_FALSE(fs::exists(data / "global/pg_control"));
    CHECK(fs::exists(data / "base/1259"));
    CHECK_FALSE(fs::exists(data / "base/9999"));
    CHECK_FALSE(fs::exists(data / "standby.signal"));
    CHECK(fs::is_empty(data / "pg_replslot"));
    CHECK_FALSE(fs::exists(data / "global/1262"));
    CHECK(fs::read_symlink(data / "pg_wal") == folder / "log");
    CHECK_FALSE(fs::exists(folder / "log/000000010000000000000009"));
    CHECK_FALSE(fs::exists(folder / "fast/PG_15_202209061/9999"));
    CHECK(fs::exists(folder / "fast/PG_14_202107181/1"));
}

TEST_CASE("a cluster whose configuration lay elsewhere gets one that starts", "[postgresql]") {
    test::TempDir folder;
    RestorePlan plan;
    plan.to = folder.path();
    test::write_text(folder / "postgresql.auto.conf", "recovery_target_lsn = '0/1'\n");
    const Properties facts{{"data_directory", "/srv/old"},      {"config_file", "/etc/pg/postgresql.conf"},
                           {"hba_file", "/etc/pg/pg_hba.conf"}, {"ident_file", "/etc/pg/pg_ident.conf"},
                           {"setting.max_connections", "500"},  {"setting.max_wal_senders", "10"}};
    const OutsideConfig outside{{"/etc/pg/postgresql.conf",
                                 "data_directory = '/srv/old'\nhba_file = '/etc/pg/pg_hba.conf'\nport = 5433\nwork_mem = 5MB\n"
                                 "ssl = on\nssl_cert_file = '/no/such/file'\nunix_socket_directories = '/no/such/folder'\n"},
                                {"/etc/pg/pg_hba.conf", "local all all peer\n"}};
    RecoveryOrders orders;
    orders.target.kind = Target::Kind::immediate;

    write_configuration(plan, facts, outside, orders);

    const auto conf = test::read_text(folder / "postgresql.conf");
    const auto auto_conf = test::read_text(folder / "postgresql.auto.conf");
    for (const std::string gone : {"data_directory", "hba_file", "port", "ssl_cert_file", "unix_socket_directories"})
        CHECK_FALSE(find_setting(conf, gone));
    CHECK(find_setting(conf, "work_mem") == "5MB");
    CHECK(find_setting(auto_conf, "ssl") == "off");
    CHECK(find_setting(auto_conf, "max_connections") == "500");
    CHECK_FALSE(find_setting(auto_conf, "max_wal_senders"));
    CHECK_FALSE(find_setting(auto_conf, "recovery_target_lsn"));
    CHECK(find_setting(auto_conf, "recovery_target") == "immediate");
    CHECK(test::read_text(folder / "pg_hba.conf") == "local all all peer\n");
    CHECK(fs::exists(folder / "pg_ident.conf"));
    CHECK(fs::exists(folder / "recovery.signal"));
}

TEST_CASE("old recovery settings are put out of force in every included file", "[postgresql]") {
    test::TempDir folder;
    RestorePlan plan;
    plan.to = folder.path();
    test::write_text(folder / "postgresql.conf", "include_dir 'conf.d'\nport = 5433\n");
    test::write_text(folder / "conf.d/1.conf", "recovery_target_time = '2020-01-01'\ninclude '../more.conf'\n");
    test::write_text(folder / "more.conf", "primary_conninfo = 'host=production'\nmax_connections = 700\n");
    test::write_text(folder / "pg_hba.conf", "local all all trust\n");
    const Properties facts{{"data_directory", "/srv/old"},
                           {"config_file", "/srv/old/postgresql.conf"},
                           {"hba_file", "/srv/old/pg_hba.conf"},
                           {"setting.max_connections", "700"}};

    write_configuration(plan, facts, {}, {});

    CHECK(find_setting(test::read_text(folder / "postgresql.conf"), "include_dir") == "conf.d");
    CHECK(find_setting(test::read_text(folder / "postgresql.conf"), "port") == "5433");
    CHECK_FALSE(find_setting(test::read_text(folder / "conf.d/1.conf"), "recovery_target_time"));
    CHECK_FALSE(find_setting(test::read_text(folder / "more.conf"), "primary_conninfo"));
    CHECK_FALSE(find_setting(test::read_text(folder / "postgresql.auto.conf"), "max_connections"));
    CHECK(test::read_text(folder / "pg_hba.conf") == "local all all trust\n");
}

TEST_CASE("a restore neither reads nor writes the files of production through a link", "[postgresql]") {
    test::TempDir folder, production;
    RestorePlan plan;
    plan.to = folder.path();
    const std::string in_use = "recovery_target_time = '2020-01-01'\nwork_mem = 9MB\n";
    test::write_text(production / "conf.d/1.conf", in_use);
    test::write_text(production / "one.conf", in_use);
    test::write_text(production / "pg_hba.conf", "local all all trust\n");
    test::write_text(folder / "postgresql.conf", "include_dir 'conf.d'\ninclude 'one.conf'\ninclude 'linked/two.conf'\n");
    fs::create_directory_symlink(production / "conf.d", folder / "conf.d");
    fs::create_symlink(production / "one.conf", folder / "one.conf");
    fs::create_directory_symlink(production.path(), folder / "linked");
    fs::create_symlink(production / "pg_hba.conf", folder / "pg_hba.conf");
    const Properties facts{
        {"data_directory", "/srv/old"}, {"config_file", "/srv/old/postgresql.conf"}, {"hba_file", "/srv/old/pg_hba.conf"}};
    const OutsideConfig outside{{"/srv/old/conf.d/1.conf", "recovery_target_time = '2020-01-01'\nwork_mem = 5MB\n"},
                                {"/srv/old/pg_hba.conf", "local all all peer\n"}};

    const auto made = write_configuration(plan, facts, outside, {});

    CHECK(test::read_text(production / "conf.d/1.conf") == in_use);
    CHECK(test::read_text(production / "one.conf") == in_use);
    CHECK_FALSE(fs::exists(production / "two.conf"));
    for (const auto* name : {"conf.d", "one.conf", "linked", "pg_hba.conf"})
        CHECK_FALSE(fs::is_symlink(fs::symlink_status(folder / name)));
    CHECK(find_setting(test::read_text(folder / "conf.d/1.conf"), "work_mem") == "5MB");
    CHECK_FALSE(find_setting(test::read_text(folder / "conf.d/1.conf"), "recovery_target_time"));
    CHECK_FALSE(find_setting(test::read_text(folder / "one.conf"), "work_mem"));
    CHECK(fs::exists(folder / "linked/two.conf"));
    CHECK(test::read_text(folder / "pg_hba.conf") == "local all all peer\n");
    CHECK(std::ranges::find(made, folder / "conf.d") != made.end());
}

TEST_CASE("a configuration behind links that stay in the data directory is kept", "[postgresql]") {
    test::TempDir folder;
    RestorePlan plan;
    plan.to = folder.path();
    test::write_text(folder / "postgresql.conf.prod", "work_mem = 9MB\ninclude_dir 'conf.d'\n");
    test::write_text(folder / "shared/1.conf", "port = 5433\nprimary_conninfo = 'host=production'\n");
    test::write_text(folder / "hba.prod", "local all all peer\n");
    fs::create_symlink("postgresql.conf.prod", folder / "postgresql.conf");
    fs::create_directory_symlink("shared", folder / "conf.d");
    fs::create_symlink("hba.prod", folder / "pg_hba.conf");
    const Properties facts{
        {"data_directory", "/srv/old"}, {"config_file", "/srv/old/postgresql.conf"}, {"hba_file", "/srv/old/pg_hba.conf"}};

    write_configuration(plan, facts, {}, {});

    CHECK(find_setting(test::read_text(folder / "postgresql.conf"), "work_mem") == "9MB");
    CHECK(find_setting(test::read_text(folder / "conf.d/1.conf"), "port") == "5433");
    CHECK_FALSE(find_setting(test::read_text(folder / "conf.d/1.conf"), "primary_conninfo"));
    CHECK(test::read_text(folder / "pg_hba.conf") == "local all all peer\n");
}

TEST_CASE("a configuration that lay in a folder of the data directory keeps its includes", "[postgresql]") {
    test::TempDir folder;
    RestorePlan plan;
    plan.to = folder.path();
    test::write_text(folder / "conf/postgresql.conf", "include 'more.conf'\nport = 5433\n");
    test::write_text(folder / "conf/more.conf", "primary_conninfo = 'host=production'\n");
    const Properties facts{{"data_directory", "/srv/old"}, {"config_file", "/srv/old/conf/postgresql.conf"}};

    write_configuration(plan, facts, {}, {});

    CHECK(find_setting(test::read_text(folder / "postgresql.conf"), "include") == "conf/more.conf");
    CHECK_FALSE(find_setting(test::read_text(folder / "conf/more.conf"), "primary_conninfo"));
}

#include "config/config.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "support/temp_dir.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

const KnownKinds kinds{
    .drivers = {{.name = "postgresql", .keys = {"connection", "password", "method"}, .has_log = true},
                {.name = "files", .keys = {"kind", "paths", "exclude", "max_depth", "one_filesystem"}, .has_log = false}},
    .stores = {{.scheme = "file", .keys = {}},
               {.scheme = "s3", .keys = {"endpoint", "region", "access_key", "secret_key", "path_style"}}}};

const std::string local = "[[repository]]\nname = \"local\"\nurl = \"file:///backups\"\n";

ConfigResult read(const std::string& text) { return read_config({{"varve.toml", text}}, kinds); }

/// "varve.toml:3: sentence | remedy", one line a problem.
std::string problems_of(const ConfigResult& result) {
    std::string text;
    for (const auto& problem : result.problems)
        text += problem.place + ": " + problem.what + (problem.remedy.empty() ? "" : " | " + problem.remedy) + "\n";
    return text;
}
/// The one problem of `text` when it follows a good repository (which takes lines 1 to 3).
std::string problem_of(const std::string& text) { return problems_of(read(local + text)); }

const std::string example = R"(
state_dir = "/srv/varve"
keys = "credential:varve.keys"

[[repository]]
name = "local"
url  = "file:///var/backups/varve"

[[repository]]
name = "far"
url  = "s3://bucket/prefix"
required = false
region = "eu-west-1"
path_style = true
access_key = "env:KEY_ID"
secret_key = "file:/etc/varve/s3"

[[source]]
name = "pg/main"
driver = "postgresql"
connection = "host=/run/postgresql user=varve dbname=postgres"
method = "stream"
ship_interval = "5s"
retain_at_source = "10GiB"
slot = "varve_main"
insecure = true
checks = ["SELECT count(*) FROM orders"]
schedule.backup = "every 6h"
retention.daily = "7d"
retention.pitr = "14d"
tls = { ca = "/etc/ssl/ca.pem" }
hooks = { before = "/usr/local/bin/quiesce", timeout = "30s" }

[[source]]
name = "shop/uploads"
driver = "files"
kind = "config"
paths = ["/srv/shop", "/etc/shop"]
max_depth = 40
enabled = false

[limits]
workers = 2
memory = "512MiB"
upload_rate = "20MiB"

[log]
level = "warning"
format = "json"

[schedule]
backup = "daily 03:30"

[retention]
database = { monthly = "24mo" }
config = { monthly = "none" }
zone = "Europe/Paris"
week_starts = "SUN"

[service]
http = ""

[[notify]]
on = ["failure"]
url = "https://chat.example/hook/token"
secret = "file:/etc/varve/hook"
)";

}  // namespace

TEST_CASE("a whole configuration comes out as values, defaults filled in") {
    const auto result = read(example);
    CHECK(problems_of(result).empty());
    const auto& config = result.config;

    CHECK(config.state_dir == "/srv/varve");
    CHECK(config.keys == "credential:varve.keys");
    REQUIRE(config.repositories.size() == 2);
    CHECK(config.repositories[0].required);
    CHECK(config.repositories[1].scheme == "s3");
    CHECK_FALSE(config.repositories[1].required);
    CHECK(config.repositories[1].settings.text("region") == "eu-west-1");
    CHECK(config.repositories[1].settings.find_flag("path_style") == true);
    CHECK(config.repositories[1].settings.text("secret_key") == "file:/etc/varve/s3");

    REQUIRE(config.sources.size() == 2);
    const auto& pg = config.source(SourceName{"pg/main"});
    CHECK(pg.kind == SourceClass::database);
    CHECK(pg.log == LogMode::stream);
    CHECK(pg.ship_interval == 5s);
    CHECK(pg.retain_at_source == 10ull << 30);
    CHECK_FALSE(pg.read_rate);
    CHECK(pg.compression_level == 2);
    CHECK(pg.backup.text() == "every 6h");
    CHECK(pg.drill.text() == "weekly SAT 04:00");
    CHECK(pg.retention.daily == KeepLength{.days = 7});
    CHECK(pg.retention.monthly == KeepLength{.months = 24});
    CHECK(pg.retention.pitr == KeepLength{.days = 14});
    CHECK_FALSE(pg.retention.weekly);
    CHECK(pg.hooks.before == "/usr/local/bin/quiesce");
    CHECK(pg.hooks.timeout == 30s);
    CHECK(pg.settings.text("method") == "stream");
    CHECK(pg.settings.text("slot") == "varve_main");
    CHECK(pg.settings.text("tls.ca") == "/etc/ssl/ca.pem");
    CHECK(pg.settings.find_flag("insecure") == true);
    CHECK(pg.settings.find_duration("ship_interval") == 5s);
    CHECK(pg.settings.find_size("retain_at_source") == 10ull << 30);
    CHECK(pg.settings.place("method") == "varve.toml:22");

    const auto& files = config.source(SourceName{"shop/uploads"});
    CHECK(files.kind == SourceClass::config);
    CHECK_FALSE(files.enabled);
    CHECK(files.log == LogMode::off);
    CHECK(files.settings.list("paths") == std::vector<std::string>{"/srv/shop", "/etc/shop"});
    CHECK(files.settings.text("max_depth") == "40");
    CHECK(files.backup.text() == "daily 03:30");
    CHECK_FALSE(files.retention.monthly);

    CHECK(config.limits.workers == 2);
    CHECK(config.limits.memory == 512u << 20);
    CHECK(config.limits.upload_rate == 20u << 20);
    CHECK(config.log_level == LogLevel::warning);
    CHECK(config.log_format == LogFormat::json);
    CHECK(config.zone.name == "Europe/Paris");
    CHECK(config.zone.week_starts == std::chrono::Sunday);
    CHECK(config.service.socket == "/run/varve/varve.sock");
    CHECK_FALSE(config.service.http);
    REQUIRE(config.notify.size() == 1);
    CHECK(config.notify[0].on == std::set<std::string>{"failure"});
}

TEST_CASE("a repository alone is a configuration") {
    const auto result = read(local);
    CHECK(problems_of(result).empty());
    CHECK(result.config.state_dir == "/var/lib/varve");
    CHECK(result.config.keys == "file:/etc/varve/varve.keys");
    CHECK(result.config.limits.memory == 256u << 20);
    REQUIRE(result.config.service.http);
    CHECK(result.config.service.http->host == "127.0.0.1");
    CHECK(result.config.service.http->port == 9971);
    CHECK(result.config.zone.week_starts == std::chrono::Monday);
}

TEST_CASE("classes have the tiers of the retention page") {
    const auto result =
        read(local + "[[source]]\nname = \"a\"\ndriver = \"files\"\n[[source]]\nname = \"b\"\ndriver = \"postgresql\"\n");
    REQUIRE(problems_of(result).empty());
    const auto& data = result.config.sources[0].retention;
    CHECK((data.daily == KeepLength{.days = 30} && data.weekly == KeepLength{.months = 6} && !data.monthly && !data.pitr));
    const auto& database = result.config.sources[1].retention;
    CHECK((database.daily == KeepLength{.days = 30} && !database.weekly && database.monthly == KeepLength{.months = 12}));
    CHECK(database.pitr == KeepLength{.days = 30});
}

TEST_CASE("every problem is told at once, with its line and what was probably meant") {
    const auto result = read(R"(stat_dir = "/x"
[[repository]]
name = "local"
url = "file:///backups"
requird = true
[[source]]
name = "pg/main"
driver = "postgres"
[limits]
memory = 12.5
worker = 3
[schedule]
backup = "daily 25:00"
[retentoin]
zone = "UTC"
)");
    CHECK(
        problems_of(result) ==
        "varve.toml:1: unknown key `stat_dir` in the configuration | Did you mean `state_dir`?\n"
        "varve.toml:5: unknown key `requird` in [[repository]] local | Did you mean `required`?\n"
        "varve.toml:8: there is no driver \"postgres\" | Did you mean \"postgresql\"?\n"
        "varve.toml:10: `memory` must be text in quotes\n"
        "varve.toml:11: unknown key `worker` in [limits] | Did you mean `workers`?\n"
        "varve.toml:13: `backup`: not a schedule: 'daily 25:00': '25' is no hour | Write \"daily 02:00\", \"weekly SUN 02:00\", "
        "\"every 6h\" or five cron fields.\n"
        "varve.toml:14: unknown key `retentoin` in the configuration | Did you mean `retention`?\n");
}

TEST_CASE("what is wrong is refused, each in its own words") {
    struct Row {
        std::string text, told;
    };
    const std::string pg = "[[source]]\nname = \"pg\"\ndriver = \"postgresql\"\n";
    const std::string files = "[[source]]\nname = \"f\"\ndriver = \"files\"\n";
    const auto row = GENERATE_COPY(values<Row>({
        {local, "two repositories are named 'local'"},
        {"[[repository]]\nname = \"other\"\nurl = \"file:///backups\"\n", "two repositories lie at file:///backups"},
        {"[[repository]]\nname = \"Other\"\nurl = \"file:///other\"\n", "varve.toml:5: a repository needs a name"},
        {"[[repository]]\nname = \"other\"\nurl = \"/other\"\n", "is no URL"},
        {"[[repository]]\nname = \"other\"\nurl = \"file://other\"\n", "three slashes"},
        {"[[repository]]\nname = \"other\"\nurl = \"gs://other\"\n",
         "this build stores nothing at gs:// | It knows file://, s3://"},
        {"[[repository]]\nname = \"o\"\nurl = \"s3://o\"\nsecret_key = \"AKIA123\"\n", "must be a reference to a secret"},
        {"[[repository]]\nname = \"o\"\nurl = \"s3://user:pass@o\"\n", "a password stands in `url`"},
        {pg + pg, "two sources are named 'pg' | The other is at varve.toml:4."},
        {"[[source]]\nname = \"PG\"\ndriver = \"files\"\n", "\"PG\" is no name for a source"},
        {"[[source]]\nname = \"a/../b\"\ndriver = \"files\"\n", "is no name for a source"},
        {"[[source]]\nname = \"a//b\"\ndriver = \"files\"\n", "is no name for a source"},
        {"[[source]]\ndriver = \"files\"\n", "a source needs a `name`"},
        {"[[source]]\nname = \"x\"\n", "a source needs a `driver`"},
        {pg + "password = \"hunter2\"\n", "varve.toml:7: `password` must be a reference to a secret"},
        {pg + "password = 5\n", "must be a reference to a secret"},
        {pg + "connection = \"host=x password=hunter2\"\n", "a password stands in `connection`"},
        {pg + "connection = \"postgresql://u:hunter2@x/db\"\n", "a password stands in `connection`"},
        {pg + "connection = \"postgresql://x/db?user=u&password=hunter2\"\n", "a password stands in `connection`"},
        {pg + "backup_from = \"host=y PASSWORD = 'z'\"\n", "a password stands in `backup_from`"},
        {pg + "paths = [\"/x\"]\n", "unknown key `paths` in [[source]] pg"},
        {pg + "ship_interval = \"100ms\"\n", "`ship_interval`: \"100ms\" is too short"},
        {pg + "ship_interval = 10\n", "`ship_interval` must be text in quotes"},
        {pg + "log = \"follow\"\n", "`log`: there is no \"follow\" | One of \"stream\", \"push\", \"off\"."},
        {pg + "compression_level = 25\n", "`compression_level` must be a whole number from 1 to 19"},
        {pg + "retain_at_source = \"much\"\n", "`retain_at_source`: not a size"},
        {pg + "read_rate = \"0\"\n", "would stop everything"},
        {pg + "tls = { cafile = \"/x\" }\n", "unknown key `tls.cafile` in [[source]] pg"},
        {pg + "retention.daly = \"3d\"\n", "unknown key `retention.daly` in [[source]] pg | Did you mean `retention.daily`?"},
        {pg + "retention.monthly = \"20d\"\n", "varve.toml:7: `monthly` is shorter than `daily`"},
        {pg + "retention.monthly = \"2y\"\n", "`retention.monthly`: not a length of keeping"},
        {pg + "retention.daily = \"800d\"\n", "`monthly` is shorter than `daily`"},
        {pg + "schedule.backup = \"0 0 30 2 *\"\n", "`schedule.backup`: not a schedule"},
        {pg + "schedule = \"daily\"\n", "`schedule` must be a table"},
        {files + "log = \"stream\"\n", "`log` means nothing here: driver files has no log"},
        {files + "retention.pitr = \"3d\"\n", "`pitr` means nothing here"},
        {files + "kind = \"database\"\n", "`kind`: there is no \"database\""},
        {files + "paths = [[\"x\"]]\n", "`paths` must be text, a whole number, true or false, or a list of these"},
        {"keys = 3\n", ""},
        {"[source]\nname = \"x\"\n", "`source` must be a list of tables: [[source]]"},
        {"[[limits]]\nworkers = 1\n", "`limits` must be a table: [limits]"},
        {"[limits]\nworkers = -1\n", "`workers` must be a whole number from 0 to 1024"},
        {"[limits]\nmemory = \"1MiB\"\n", "\"1MiB\" is too little"},
        {"[retention]\nzone = \"Mars/Olympus\"\n", "`zone`: there is no time zone 'Mars/Olympus'"},
        {"[retention]\nweek_starts = \"MONDAY\"\n", "there is no day \"MONDAY\""},
        {"[service]\nhttp = \"9971\"\n", "\"9971\" is no address"},
        {"[service]\nhttp = \"[::1]:99999\"\n", "is no address"},
        {"[service]\nsocket = \"varve.sock\"\n", "`socket` must be an absolute path"},
        {"[[notify]]\nurl = \"ftp://x\"\n", "it is no URL that can be notified"},
        {"[[notify]]\nurl = \"http://hooks.example/hunter2\"\n", "http:// to another host needs insecure = true"},
        {"[[notify]]\nurl = \"https://x/y\"\nform = \"pigeon\"\n", "`form`"},
        {"[[notify]]\nurl = \"https://x/y\"\nsecret = \"hunter2\"\n", "`secret`"},
        {"[[notify]]\nurl = \"https://x/y\"\nbody = \"{sauce}\"\n", "there is no word {sauce}"},
        {"[[notify]]\nurl = \"smtps://mail.example\"\n", "mail needs `from` and `to`"},
        {"[[notify]]\nurl = \"smtp://u:hunter2@mail.example\"\n", "a password stands in `url`"},
        {"[[notify]]\nurl = \"exec:/bin/page\"\nsecret = \"file:/x\"\n", "`secret`"},
        {"[[notify]]\nurl = \"https://x/y\"\non = [\"success\"]\n", "there is no event \"success\""},
        {"[[source]\nname", "not TOML"},
    }));
    if (row.told.empty()) return;

    const auto told = problem_of(row.text);
    CAPTURE(row.text, told);
    CHECK(told.find(row.told) != std::string::npos);
    CHECK(told.find("hunter2") == std::string::npos);
    CHECK(told.find("AKIA") == std::string::npos);
}

TEST_CASE("a configuration that could prove nothing is refused") {
    CHECK(problems_of(read("")).find("there is no [[repository]]") != std::string::npos);
    CHECK(problems_of(read(local + "required = false\n")).find("no repository is required") != std::string::npos);
    CHECK(problems_of(read("state_dir = \"var\"\n" + local)).find("\"var\" is not an absolute path") != std::string::npos);
    CHECK(problems_of(read("keys = \"abc\"\n" + local)).find("`keys` must be a reference") != std::string::npos);
}

TEST_CASE("files of conf.d add sources and fill tables; the same key twice is a problem") {
    const auto good =
        read_config({{"varve.toml", local + "[limits]\nworkers = 2\n"},
                     {"conf.d/a.toml", "[limits]\nbackups_at_once = 3\n[[source]]\nname = \"a\"\ndriver = \"files\"\n"},
                     {"conf.d/b.toml", "[[source]]\nname = \"b\"\ndriver = \"files\"\n"}},
                    kinds);
    CHECK(problems_of(good).empty());
    CHECK(good.config.limits.workers == 2);
    CHECK(good.config.limits.backups_at_once == 3);
    REQUIRE(good.config.sources.size() == 2);
    CHECK(good.config.sources[1].place == "conf.d/b.toml:1");

    const auto bad = read_config({{"varve.toml", "state_dir = \"/a\"\n" + local + "[limits]\nworkers = 2\n"},
                                  {"conf.d/a.toml", "state_dir = \"/b\"\n[limits]\nworkers = 3\n"},
                                  {"conf.d/b.toml", "= nothing"}},
                                 kinds);
    CHECK(problems_of(bad).find("conf.d/a.toml:1: `state_dir` is given twice | It is also at varve.toml:1.") !=
          std::string::npos);
    CHECK(problems_of(bad).find("conf.d/a.toml:3: `workers` is given twice | It is also at varve.toml:6.") != std::string::npos);
    CHECK(problems_of(bad).find("conf.d/b.toml:1: not TOML") != std::string::npos);
    CHECK(bad.config.state_dir == "/a");
}

TEST_CASE("every kind of receiver of notices is read with its own keys") {
    const auto result = read(local + R"(
[[notify]]
url = "credential:hook"
form = "slack"
on = ["failure", "alive"]
every = "1min"
[[notify]]
url = "smtp://varve@mail.example:587"
from = "varve@example.org"
to = ["dba@example.org"]
password = "file:/etc/varve/mail"
[[notify]]
url = "exec:/usr/local/bin/page"
)");
    CHECK(problems_of(result).empty());
    const auto& notify = result.config.notify;

    REQUIRE(notify.size() == 3);
    CHECK(notify[0].form == NotifyForm::slack);
    CHECK(notify[0].on == std::set<std::string>{"failure", "alive"});
    CHECK(notify[0].every == 1min);
    CHECK(notify[1].to == std::vector<std::string>{"dba@example.org"});
    CHECK(notify[1].password == "file:/etc/varve/mail");
    CHECK(notify[2].on == std::set<std::string>{"failure", "recovery", "stale"});
}

TEST_CASE("what is in effect is shown with where it came from, and can be read again") {
    const auto config = read(example).config;
    const auto text = show_config(config);
    CAPTURE(text);

    const auto shows = [&](const std::string& line, const std::string& place) {
        const auto at = text.find("\n" + line + " ");
        return at != std::string::npos && text.substr(at + 1, text.find('\n', at + 1) - at - 1).ends_with("# " + place);
    };
    CHECK(shows("drill = \"weekly SAT 04:00\"", "default"));
    CHECK(shows("schedule.backup = \"every 6h\"", "varve.toml:28"));
    CHECK(shows("secret_key = \"file:/etc/varve/s3\"", "varve.toml:16"));
    CHECK(shows("url = \"https://chat.example/…\"", "varve.toml:65"));
    CHECK(text.find("hook/token") == std::string::npos);

    const auto again = read(text);
    CHECK(problems_of(again).empty());
    CHECK(again.config.sources.size() == 2);
    CHECK(again.config.sources[0].retention.monthly == KeepLength{.months = 24});
    CHECK(again.config.zone.name == "Europe/Paris");
}

TEST_CASE("what is set and not acted on yet is said, with its line; defaults are not") {
    CHECK(without_effect(read(local).config).empty());

    std::string told;
    for (const auto& notice : without_effect(read(example).config)) told += notice.place + ": " + notice.what + "\n";
    CHECK(told ==
          "varve.toml:24: `retain_at_source` has no effect in this version\n"
          "varve.toml:27: `checks` has no effect in this version\n"
          "varve.toml:32: `hooks.before` has no effect in this version\n"
          "varve.toml:32: `hooks.timeout` has no effect in this version\n"
          "varve.toml:45: `upload_rate` has no effect in this version\n"
          "varve.toml:49: `format` has no effect in this version\n");
}

TEST_CASE("a source that is not configured is refused with the nearest name") {
    const auto config = read(example).config;
    CHECK(config.find_source(SourceName{"pg/main"}) != nullptr);
    CHECK(config.find_source(SourceName{"pg/mian"}) == nullptr);
    try {
        config.source(SourceName{"pg/mian"});
        FAIL("found");
    } catch (const Error& error) {
        CHECK(error.exit_code() == 2);
        CHECK(error.remedy() == "Did you mean 'pg/main'?");
    }
}

TEST_CASE("the main file and its conf.d are read from disk, and all problems stand in one error") {
    const test::TempDir folder;
    const auto file = folder.path() / "varve.toml";
    const auto write = [](const std::filesystem::path& path, const std::string& text) { std::ofstream{path} << text; };

    CHECK_THROWS_WITH(load_config(file, kinds), Catch::Contains("varve.toml"));

    std::filesystem::create_directory(folder.path() / "conf.d");
    write(file, local);
    write(folder.path() / "conf.d" / "shop.toml", "[[source]]\nname = \"shop\"\ndriver = \"files\"\n");
    write(folder.path() / "conf.d" / "shop.toml.orig", "nonsense");
    const auto config = load_config(file, kinds);
    CHECK(config.file == file);
    REQUIRE(config.sources.size() == 1);

    write(folder.path() / "conf.d" / "zz.toml", "x = 1\ny = 2\n");
    try {
        load_config(file, kinds);
        FAIL("loaded");
    } catch (const Error& error) {
        CHECK(error.exit_code() == 2);
        CHECK(error.code_word() == "configuration");
        CHECK(error.sentence().find("2 problems in the configuration\n") == 0);
        CHECK(error.sentence().find("zz.toml:2: unknown key `y`") != std::string::npos);
    }
}

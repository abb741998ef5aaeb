#include "cli/parse.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "cli/dry_run.hpp"
#include "varve/error.hpp"

namespace varve::cli::test {
namespace {

std::vector<std::string> words(const std::string& line) {
    std::istringstream in{line};
    std::vector<std::string> found;
    for (std::string word; in >> word;) found.push_back(word);
    return found;
}

CommandLine parsed(const std::string& line) {
    CAPTURE(line);
    return std::get<CommandLine>(parse(words(line)));
}

template <class R>
R request(const std::string& line) {
    return std::get<R>(parsed(line).request);
}

std::string help(const std::string& line) { return std::get<HelpText>(parse(words(line))).text; }

Error refusal(const std::vector<std::string>& arguments) {
    try {
        parse(arguments);
    } catch (const Error& error) {
        return error;
    }
    return Error{Fault::defect, "it was taken"};
}

TEST_CASE("each command line is known by the words of its command") {
    const std::string line = GENERATE(values<std::string>({
        "init",
        "check",
        "serve",
        "status",
        "backup run|pg/main",
        "backup list",
        "backup show|20261123T020000Z-1a2b3c4d",
        "backup hold|20261123T020000Z-1a2b3c4d --until 2027-01-01T00:00:00Z",
        "backup release|20261123T020000Z-1a2b3c4d",
        "backup acknowledge|pg/main",
        "backup delete|20261123T020000Z-1a2b3c4d",
        "log follow|pg/main",
        "log list|pg/main",
        "log gaps|pg/main",
        "log export|mysql/main --to /var/tmp/binlogs",
        "restore plan|pg/main",
        "restore run|pg/main --to /srv/copy",
        "ls|shop/uploads",
        "find|shop/uploads *.jpg",
        "cat|shop/uploads etc/app.conf",
        "diff|shop/uploads 20261123T020000Z-1a2b3c4d latest",
        "wal-push|--source pg/main pg_wal/000000010000000000000003",
        "wal-fetch|--source pg/main 000000010000000000000003 pg_wal/RECOVERYXLOG",
        "verify",
        "retention plan|pg/main --days 7",
        "notify test",
        "gc plan",
        "gc run|--approve",
        "gc explain|20261123T020000Z-1a2b3c4d",
        "key list",
        "key export|--role restore",
        "key prove",
        "config check",
        "config show",
        "source adopt|pg/main",
        "source retire|pg/main",
        "completion|zsh",
        "version",
    }));
    const auto bar = line.find('|');
    const auto command = line.substr(0, bar);
    const auto whole = bar == std::string::npos ? line : command + " " + line.substr(bar + 1);

    CHECK(parsed(whole).command == command);
    CHECK(parsed(whole + " --json").globals.json);
    CHECK(glance(words(whole + " --json")).command == command);
    CHECK(help(command + " --help").find("Usage: varve " + command) != std::string::npos);
}

TEST_CASE("global options stand before or after the command's own") {
    CHECK(parsed("--config /a.toml --json status").globals.config == "/a.toml");
    CHECK(parsed("backup --config /a.toml run pg/main").globals.config == "/a.toml");
    CHECK(parsed("backup run pg/main --config /a.toml").globals.config == "/a.toml");
    CHECK(parsed("--json status").globals.json);
    CHECK_FALSE(parsed("status").globals.json);
}

TEST_CASE("every command that changes something can be run dry, and no other") {
    const std::string changes = GENERATE(
        values<std::string>({"init", "backup run pg/main", "log follow pg/main", "restore run pg/main --to /a",
                             "wal-push --source pg/main f", "source adopt pg/main", "source retire pg/main", "check",
                             "notify test", "verify", "key export --role restore --to /k", "key prove", "wal-fetch --plan p f t",
                             "gc run", "backup hold x", "backup release x", "backup acknowledge x", "backup delete x"}));

    CHECK(parsed(changes + " --dry-run").globals.dry_run);
    CHECK(refusal(words("status --dry-run")).sentence() == "unknown option --dry-run");
}

TEST_CASE("a dry run tells the steps of every command that changes something, but of restore, which has a plan") {
    struct Row {
        std::string line;
        std::vector<std::string> steps;
    };
    const auto row = GENERATE(values<Row>({
        {"init --sealed --recovery-kit /root/kit",
         {"Make a sealed repository in every configured copy.",
          "Write the keys of this host to the file that the configuration names.", "Write the recovery kit to /root/kit."}},
        {"init --copy offsite", {"Make repository offsite a further copy of the existing one."}},
        {"backup run pg/main shop/db --full",
         {"Back up pg/main to every repository, reading everything.",
          "Back up shop/db to every repository, reading everything."}},
        {"log follow pg/main --until-caught-up", {"Ship the log of pg/main to every repository until it has caught up."}},
        {"wal-push --source pg/main f", {"Make sure that f of pg/main is durable on every required repository."}},
        {"wal-fetch --plan p f t", {"Write f from the archive to t."}},
        {"verify --level 2",
         {"Verify what is stored at level 2.",
          "Store the result as evidence in every repository, where this host holds the key that signs it."}},
        {"key export --role restore --to /k", {"Write the secret key of the role to the new file /k."}},
        {"key prove --recovery-kit /kit", {"Open an object with /kit alone.", "Note in the state directory when it was proven."}},
        {"check pg/main",
         {"Ask every repository and pg/main what they are like.",
          "Make a restore point in the log of each source that the service follows, and wait until it is durable on every "
          "required repository."}},
        {"notify test", {"Send a test to every receiver that a [[notify]] names."}},
        {"source adopt pg/main", {"Accept the server that answers now as pg/main."}},
        {"source retire pg/main",
         {"Give back what is held on the server of pg/main.",
          "Say, signed with the admin's key, that no more is to come: its backups go when their time is over, the last too."}},
        {"gc run",
         {"Condemn what nothing keeps any more, in every repository: varve gc plan lists it.",
          "Remove what was condemned three days ago and what nothing keeps still."}},
        {"backup hold x --until 2027-01-01T00:00:00Z", {"Hold x until 2027-01-01T00:00:00Z: it is kept whatever its time is."}},
        {"backup release x", {"End the holds on x, signed with the admin's key."}},
        {"backup acknowledge x", {"Say of x, signed with the admin's key, that it was looked at."}},
        {"backup delete x",
         {"End the time of backup x, signed with the admin's key.",
          "Collection takes it into account three days later, and removes it three days after that."}},
    }));
    CAPTURE(row.line);

    CHECK(dry_run_of(parsed(row.line).request).value().steps == row.steps);
    CHECK_FALSE(dry_run_of(parsed("restore run pg/main --to /a").request));
    CHECK_FALSE(dry_run_of(parsed("status").request));
}

TEST_CASE("the sources that a command names are found whatever the command") {
    CHECK(sources_of(parsed("backup run a b").request) == std::vector{SourceName{"a"}, SourceName{"b"}});
    CHECK(sources_of(parsed("source retire a").request) == std::vector{SourceName{"a"}});
    CHECK(sources_of(parsed("restore run a --to /a").request) == std::vector{SourceName{"a"}});
    CHECK(sources_of(parsed("status a").request) == std::vector{SourceName{"a"}});
    CHECK(sources_of(parsed("status").request).empty());
    CHECK(sources_of(parsed("init").request).empty());
}

TEST_CASE("init takes a copy, a mode, a place for the kit and a host name") {
    const auto init = request<InitRequest>("init --copy offsite --sealed --recovery-kit /root/kit --host db1");

    CHECK(init.copy == RepositoryName{"offsite"});
    CHECK(init.sealed);
    CHECK(init.recovery_kit == "/root/kit");
    CHECK(init.host == "db1");
    CHECK_FALSE(request<InitRequest>("init").copy);
}

TEST_CASE("a source may be called like a command") {
    CHECK(request<StatusRequest>("status backup").source == SourceName{"backup"});
    CHECK(request<BackupRunRequest>("backup run run status").sources == std::vector{SourceName{"run"}, SourceName{"status"}});
}

TEST_CASE("several sources are backed up in the order given") {
    const auto run = request<BackupRunRequest>("backup run pg/main shop/db --full");

    CHECK(run.sources == std::vector{SourceName{"pg/main"}, SourceName{"shop/db"}});
    CHECK(run.full);
    CHECK(request<LogFollowRequest>("log follow pg/main --until-caught-up").until_caught_up);
}

TEST_CASE("each way of saying the target gives its kind and the text as typed") {
    struct Row {
        std::string options;
        Target::Kind kind;
        std::string text;
        bool inclusive;
    };
    const auto row = GENERATE(values<Row>({
        {"", Target::Kind::latest, "", true},
        {"--latest", Target::Kind::latest, "", true},
        {"--immediate", Target::Kind::immediate, "", true},
        {"--backup 20261123T020000Z-1a2b3c4d", Target::Kind::immediate, "20261123T020000Z-1a2b3c4d", true},
        {"--at 2026-11-23T14:30:00+01:00", Target::Kind::time, "2026-11-23T14:30:00+01:00", true},
        {"--lsn 0/3000060", Target::Kind::lsn, "0/3000060", true},
        {"--xid 742", Target::Kind::xid, "742", true},
        {"--name before-upgrade", Target::Kind::name, "before-upgrade", true},
        {"--gtid 0-1-7", Target::Kind::gtid, "0-1-7", true},
        {"--before-gtid 0-1-7", Target::Kind::gtid, "0-1-7", false},
        {"--position mdb-bin.000001:1097", Target::Kind::position, "mdb-bin.000001:1097", true},
        {"--txn 81", Target::Kind::transaction, "81", true},
        {"--mark monday", Target::Kind::mark, "monday", true},
    }));
    CAPTURE(row.options);

    const auto run = request<RestoreRunRequest>("restore run pg/main --to /a " + row.options).options;
    const auto plan = request<RestorePlanRequest>("restore plan pg/main " + row.options).options;

    CHECK(run.target.kind == row.kind);
    CHECK(run.target.text == row.text);
    CHECK(run.target.inclusive == row.inclusive);
    CHECK(run.target.time.has_value() == (row.kind == Target::Kind::time));
    CHECK(run.backup.has_value() == (row.options.find("--backup") == 0));
    CHECK(plan.target.kind == row.kind);
}

TEST_CASE("a time is taken with its offset") {
    const auto target = request<RestorePlanRequest>("restore plan pg/main --at 2026-11-23T14:30:00+01:00").options.target;

    CHECK(to_rfc3339(target.time.value()) == "2026-11-23T13:30:00Z");
}

TEST_CASE("restore run takes every option of its page") {
    const auto run = request<RestoreRunRequest>(
                         "restore run pg/main --to /srv/copy --delta --action pause --timeline 3 "
                         "--tablespace fast=/srv/fast --tablespace 16385=/srv/b=c --as-production --owner postgres "
                         "--on-demand-wal")
                         .options;

    CHECK(run.source == SourceName{"pg/main"});
    CHECK(run.to == "/srv/copy");
    CHECK(run.delta);
    CHECK(run.action == "pause");
    CHECK(run.timeline == "3");
    CHECK(run.tablespaces == std::map<std::string, std::filesystem::path>{{"fast", "/srv/fast"}, {"16385", "/srv/b=c"}});
    CHECK(run.as_production);
    CHECK(run.owner == "postgres");
    CHECK(run.on_demand_wal);

    const auto into =
        request<RestoreRunRequest>("restore run m --into mysql://root@h --into-password env:P --gtid 0-1-7 --skip-gtid").options;
    CHECK(into.into == "mysql://root@h");
    CHECK(into.into_password == "env:P");
    CHECK(into.skip_gtid);
    CHECK(request<RestoreRunRequest>("restore run pg/main --to /a").options.action == "promote");
}

TEST_CASE("a tablespace does not swallow the word after it") {
    const auto run = request<RestoreRunRequest>("restore run --tablespace fast=/f pg/main --to /a").options;

    CHECK(run.source == SourceName{"pg/main"});
    CHECK(run.tablespaces.size() == 1);
}

TEST_CASE("the commands that look into backups take a backup, and paths or patterns") {
    const auto list = request<ListFilesRequest>("ls shop/uploads img --at 2026-11-23T14:30:00Z --recursive");
    CHECK(list.path == "img");
    CHECK(list.recursive);
    CHECK(list.choice.time == from_rfc3339("2026-11-23T14:30:00Z"));
    CHECK_FALSE(list.choice.backup);
    const auto newest = request<ListFilesRequest>("ls shop/uploads --latest");
    CHECK(newest.path.empty());
    CHECK_FALSE((newest.choice.time || newest.choice.backup));

    const auto find = request<FindFilesRequest>("find shop/uploads *.jpg a/b --backup 20261123T020000Z-1a2b3c4d");
    CHECK(find.patterns == std::vector<std::string>{"*.jpg", "a/b"});
    CHECK(find.choice.backup == BackupId{"20261123T020000Z-1a2b3c4d"});
    CHECK(request<FindFilesRequest>("find shop/uploads x --all").all);

    CHECK(request<CatFilesRequest>("cat shop/uploads a b").paths == std::vector<std::string>{"a", "b"});

    const auto diff = request<DiffFilesRequest>("diff shop/uploads 2026-11-23T14:30:00+01:00 20261123T020000Z-1a2b3c4d");
    CHECK(diff.before.time == from_rfc3339("2026-11-23T13:30:00Z"));
    CHECK(diff.after.backup == BackupId{"20261123T020000Z-1a2b3c4d"});
    const auto to_newest = request<DiffFilesRequest>("diff shop/uploads 20261123T020000Z-1a2b3c4d latest").after;
    CHECK_FALSE((to_newest.time || to_newest.backup));
}

TEST_CASE("what cannot be looked for is refused") {
    const std::string line = GENERATE(values<std::string>({
        "find shop/uploads",
        "find shop/uploads !x",
        "find shop/uploads /",
        "find shop/uploads x --all --latest",
        "ls shop/uploads --at 2026-11-23T14:30:00Z --backup x",
        "ls shop/uploads --at 2026-11-23",
        "cat shop/uploads",
        "diff shop/uploads latest",
        "diff shop/uploads 2026-11-23 latest",
    }));
    CAPTURE(line);

    const auto error = refusal(words(line));

    CHECK(error.exit_code() == 2);
    CHECK_FALSE(error.remedy().empty());
}

TEST_CASE("a part of a restore is named once for each path, and swallows no other word") {
    const auto run = request<RestoreRunRequest>("restore run --include a/b --include *.jpg shop/uploads --to /srv/copy");

    CHECK(run.options.include == std::vector<std::string>{"a/b", "*.jpg"});
    CHECK(run.options.source == SourceName{"shop/uploads"});
}

TEST_CASE("PostgreSQL's commands take their files") {
    const auto push = request<WalPushRequest>("wal-push --source pg/main pg_wal/000000010000000000000003");
    CHECK(push.source == SourceName{"pg/main"});
    CHECK(push.file == "pg_wal/000000010000000000000003");

    const auto fetch = request<WalFetchRequest>("wal-fetch --plan /srv/plan 00000002.history pg_wal/RECOVERYHISTORY");
    CHECK(fetch.plan == "/srv/plan");
    CHECK_FALSE(fetch.source);
    CHECK(fetch.name == "00000002.history");
    CHECK(fetch.to == "pg_wal/RECOVERYHISTORY");
}

TEST_CASE("verify and key take their words") {
    CHECK(request<VerifyRequest>("verify").level == 1);
    CHECK(request<VerifyRequest>("verify --level 2 --budget 20GiB").budget == (20ULL << 30));
    CHECK(request<KeyExportRequest>("key export --role maintain").role == KeyRole::maintain);
    CHECK(request<KeyProveRequest>("key prove --recovery-kit /k").recovery_kit == "/k");
}

TEST_CASE("help is found in every way it is asked for") {
    CHECK(help("help backup run") == help("backup run --help"));
    CHECK(help("--help").find("backup") != std::string::npos);
    CHECK(help("backup -h").find("run") != std::string::npos);
    CHECK(help("restore run --help").find("Examples:") != std::string::npos);
    CHECK(std::get<HelpText>(parse({"--help"})).exit_code == 0);
    CHECK(std::get<HelpText>(parse({})).exit_code == 2);
    CHECK(parsed("--version").command == "version");
}

TEST_CASE("help tells what a command does, what is its own, and then what every command takes") {
    const auto text = help("source retire --help");

    CHECK(text.substr(0, text.find("Removes")) ==
          R"(Give back what is held on the server; backups stay until they expire
Usage: varve source retire [OPTIONS] NAME

Arguments:
  NAME                        The source

Everywhere:
  -h,--help                   Print what a command does and its options
  --config FILE               Configuration [$VARVE_CONFIG, /etc/varve/varve.toml]
  --json                      Answer with one JSON document on stdout
  --dry-run                   Say what would be done and change nothing

)");
}

TEST_CASE("a command line that makes no sense is refused with one sentence and a hint") {
    struct Row {
        std::string line;
        std::string sentence;
        std::string hint;
    };
    const auto row = GENERATE(values<Row>({
        {"bakup run pg/main", "unknown command bakup", "Did you mean backup? See: varve --help."},
        {"backup rnu pg/main", "unknown command backup rnu", "Did you mean run? See: varve backup --help."},
        {"frobnicate", "unknown command frobnicate", "See: varve --help."},
        {"bakup --help", "unknown command bakup", "Did you mean backup? See: varve --help."},
        {"backup", "backup needs one of: run, list, show, hold, release, acknowledge, delete", "See: varve backup --help."},
        {"--json", "varve needs a command", "See: varve --help."},
        {"backup run --ful", "unknown option --ful", "Did you mean --full? See: varve backup run --help."},
        {"restore run pg/main --to=/a --targte=x", "unknown option --targte", "See: varve restore run --help."},
        {"status -x", "unknown option -x", "See: varve status --help."},
        {"backup run", "backup run needs SOURCE", "See: varve backup run --help."},
        {"backup show", "backup show needs ID", "See: varve backup show --help."},
        {"status a b", "status does not take b", "See: varve status --help."},
        {"wal-push f", "wal-push needs --source", "See: varve wal-push --help."},
        {"wal-push --source pg/main", "wal-push needs PATH", "See: varve wal-push --help."},
        {"wal-fetch f t", "wal-fetch needs an origin: --source NAME or --plan FILE", "See: varve wal-fetch --help."},
        {"wal-fetch --plan p --source s f t", "--source and --plan exclude each other: give one origin",
         "See: varve wal-fetch --help."},
        {"restore run pg/main", "restore run needs a destination: --to DIR or --into CONNECTION",
         "See: varve restore run --help."},
        {"restore run pg/main --to /a --into b", "--to and --into exclude each other: give one destination",
         "See: varve restore run --help."},
        {"restore plan pg/main --latest --lsn 0/1", "--latest and --lsn exclude each other: give one target",
         "See: varve restore plan --help."},
        {"restore plan pg/main --gtid 0-1-1 --before-gtid 0-1-2", "--gtid and --before-gtid exclude each other: give one target",
         "See: varve restore plan --help."},
        {"restore plan pg/main --at 2026-11-23T14:30:00Z --at 2026-11-24T14:30:00Z", "--at is given more than once",
         "See: varve restore plan --help."},
        {"restore plan pg/main --at", "--at needs a value", "See: varve restore plan --help."},
        {"restore run pg/main --to /a --action stop", "--action stop is unknown",
         "Actions at the target: pause, promote, shutdown."},
        {"restore run pg/main --to /a --tablespace fast", "--tablespace fast is not NAME=DIR",
         "Write it as --tablespace fast=/srv/fast."},
        {"restore run pg/main --to /a --tablespace a=/b --tablespace a=/c", "--tablespace names a twice",
         "Give each tablespace one directory."},
        {"restore run pg/main --into m --delta", "--into and --delta exclude each other: an empty server has nothing to keep",
         "See: varve restore run --help."},
        {"restore run pg/main --to /a --into-password env:P", "--into-password needs --into CONNECTION",
         "See: varve restore run --help."},
        {"restore run pg/main --to /a --skip-gtid", "--skip-gtid needs --gtid GTID", "See: varve restore run --help."},
        {"restore run pg/main --into m --start", "--into and --start exclude each other: that server runs already",
         "See: varve restore run --help."},
        {"restore plan pg/main --replace", "--replace is not in this build",
         "Restore to a new directory, or use --delta to write over an earlier copy of the same source."},
        {"verify --level 3", "--level 3 is unknown", "Levels: 0 names, 1 hashes of objects, 2 every chunk."},
        {"key export", "key export needs --role", "See: varve key export --help."},
        {"key export --role root", "--role root is unknown", "Roles: archive, maintain, restore, admin."},
        {"completion tcsh", "there is no completion for tcsh", "Shells with completion: bash, zsh, fish."},
    }));
    CAPTURE(row.line);

    const auto error = refusal(words(row.line));

    CHECK(error.sentence() == row.sentence);
    CHECK(error.remedy() == row.hint);
    CHECK(error.fault() == Fault::invalid);
    CHECK(error.code_word() == "usage");
    CHECK(error.exit_code() == 2);
}

TEST_CASE("a time without an offset is refused with an example") {
    const auto error = refusal({"restore", "plan", "pg/main", "--at", "2026-11-23 14:30:00"});

    CHECK(error.sentence().find("--at 2026-11-23 14:30:00: ") == 0);
    CHECK(error.remedy() == "Write it as 2026-11-23T14:30:00Z or 2026-11-23T15:30:00+01:00.");
}

TEST_CASE("a size that is none is refused with an example") {
    CHECK(refusal(words("verify --budget much")).remedy() == "Write a size such as 20GiB.");
}

TEST_CASE("an empty value is refused, because a variable was not set") {
    CHECK(refusal({"restore", "run", "pg/main", "--to", ""}).sentence() == "--to is empty");
    CHECK(refusal({"backup", "run", ""}).sentence() == "SOURCE is empty");
}

TEST_CASE("a refused command line still tells how to answer it") {
    CHECK(glance(words("backup rnu --json")).json);
    CHECK(glance(words("backup rnu --json")).command == "backup");
    CHECK(glance(words("wal-fetch --jsno")).command == "wal-fetch");
    CHECK_FALSE(glance(words("status -- --json")).json);
}

}  // namespace
}  // namespace varve::cli::test

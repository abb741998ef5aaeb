// archive_command and restore_command: what is acknowledged is archived, and "absent" is only said when it is known.
#include "jobs/wal_job.hpp"

#include <catch2/catch.hpp>

#include "support/fault_of.hpp"
#include "support/faulty_stores.hpp"
#include "support/log_objects.hpp"
#include "support/temp_dir.hpp"

using namespace varve;
using namespace varve::test;

namespace {

constexpr std::uint64_t file_bytes = 100;
const LineageName line{"7/1"};

/// An engine with log files of 100 bytes: "3" holds [300, 400) of one lineage, "b.history" tells of another one.
class FilesOfHundred final : public Driver {
public:
    DriverTraits traits() const noexcept override { return {.has_log = true}; }
    Task<SourceState> inspect() override { co_return SourceState{}; }
    Task<BackupFacts> back_up(BackupRequest, BackupSink&) override { co_return BackupFacts{}; }
    Task<> follow_log(std::optional<LogPosition>, LogSink&) override { co_return; }
    Task<LogProbe> probe_log(std::string) override { co_return LogProbe{}; }
    Task<ResolvedTarget> resolve(Target, const BackupFacts&, LogSource*) override { co_return ResolvedTarget{}; }
    Task<Restored> restore(RestoreRequest, RestoreSource&, LogSource*) override { co_return Restored{}; }
    Task<RestoreOutlook> preview_restore(RestoreRequest, RestoreSource&, LogSource*) override { co_return RestoreOutlook{}; }
    Task<> retire() override { co_return; }

    Task<LogFile> identify_log_file(std::filesystem::path path) override {
        LogFile file;
        const auto name = path.filename().string();
        file.lineage = {.name = line, .begins_at = 0, .parent = {}, .facts = {}};
        if (name.ends_with(".history")) {
            file.kind = LogFile::Kind::history;
            file.lineage = {.name = LineageName{"7/" + name.substr(0, 1)},
                            .begins_at = 300,
                            .parent = LogPosition{line, 350, "350"},
                            .facts = {{"history", name}}};
            co_return file;
        }
        file.kind = LogFile::Kind::run;
        file.from = std::stoull(name) * file_bytes;
        file.to = file.from + file_bytes;
        co_return file;
    }
    Task<bool> fetch_log_file(std::string name, std::filesystem::path to, LogSource& log) override {
        if (name.ends_with(".history")) {
            for (const auto& lineage : log.lineages())
                if (lineage.facts.contains("history") && lineage.facts.at("history") == name) co_return true;
            co_return false;
        }
        const auto from = std::stoull(name) * file_bytes;
        for (const auto& stretch : log.path()) {
            if (stretch.from > from || stretch.to < from + file_bytes) continue;
            auto stream = log.read(stretch.lineage.name, from, from + file_bytes);
            Bytes all;
            for (auto block = co_await stream->read(); !block.empty(); block = co_await stream->read()) append(all, block);
            write_text(to, std::string{text_of(all)});
            co_return true;
        }
        co_return false;
    }
};

/// Two required copies, and a source whose log is pushed.
struct Desk {
    explicit Desk(RepositoryMode mode = RepositoryMode::managed) : desk{mode, 2} {}

    TestRepository desk;
    TempDir place;
    std::shared_ptr<Store> first = desk.stores[0], second = desk.stores[1];
    Source source = make_source();

    static Source make_source() {
        Source made;
        made.setup.name = test_source;
        made.setup.driver = "test";
        made.setup.log = LogRoute::push;
        made.driver = std::make_unique<FilesOfHundred>();
        return made;
    }
    std::unique_ptr<Repository> open() {
        auto copies = std::make_shared<Copies>(
            std::vector<Copy>{{RepositoryName{"copy0"}, first, true}, {RepositoryName{"copy1"}, second, true}});
        return run(desk.io, Repository::open(copies, desk.keys.host_keys, desk.pools.pools));
    }
    PushReport push(const std::string& name, const Bytes& bytes, std::chrono::microseconds patience = std::chrono::seconds{30}) {
        const auto repository = open();
        JobContext context{*repository, desk.pools.pools, desk.clock, [] { return 0.5; }};
        write_text(place / name, std::string{text_of(bytes)});
        return run(desk.io, push_log_file(context, source, nullptr, place / name, patience));
    }
    bool fetch(const std::string& name, std::optional<FetchPlan> plan = {}) {
        desk.clock.step_by_itself();
        const auto repository = open();
        JobContext context{*repository, desk.pools.pools, desk.clock, [] { return 0.5; }};
        return run(desk.io, fetch_log_file(context, source, std::move(plan), name, place / "fetched"));
    }
    LogCatalog catalog() {
        const auto repository = open();
        return run(desk.io, LogCatalog::read(*repository, test_source));
    }
    std::size_t objects(std::size_t copy = 0) const { return desk.keys_below("log/", copy).size(); }
};

using Outcome = PushReport::Outcome;

}  // namespace

TEST_CASE("a segment that is pushed again is archived once, and with other bytes it becomes a lineage of its own") {
    // The service was started again, or never followed: nobody remembers the segment's hash.
    Desk desk;

    CHECK(desk.push("3", bytes_of(100, 1)).outcome == Outcome::stored);
    CHECK(desk.push("3", bytes_of(100, 1)).outcome == Outcome::already_archived);
    CHECK(desk.objects() == 1);

    const auto fork = desk.push("3", bytes_of(100, 2));
    CHECK(fork.outcome == Outcome::forked);
    CHECK(fork.lineage != line.text());
    CHECK(desk.push("3", bytes_of(100, 2)).lineage == fork.lineage);
    CHECK(desk.objects() == 2);
    CHECK(desk.catalog().tip()->lineage.name == line);
    REQUIRE(desk.fetch("3"));
    CHECK(read_file(desk.place / "fetched") == bytes_of(100, 1));
}

TEST_CASE("a pushed segment of which a part is archived is compared with that part, and stored whole when it is equal") {
    Desk desk;
    const auto repository = desk.open();
    run(desk.desk.io, put_sample(*repository, {.from = 250, .bytes = bytes_of(100, 1)}));

    CHECK(desk.push("3", bytes_of(100, 2)).outcome == Outcome::forked);
    CHECK(desk.push("3", bytes_of(100, 1)).outcome == Outcome::stored);
    CHECK(desk.catalog().find(line)->stretches.back().to == 400);
}

TEST_CASE("a segment that one required copy has is given to the other before it is acknowledged") {
    const auto mode = GENERATE(RepositoryMode::managed, RepositoryMode::sealed);
    Desk desk{mode};
    auto cut = std::make_shared<FailingAfter>(*desk.desk.stores[1], 0, FailingAfter::Options{.only = "put"});
    desk.second = cut;
    CHECK(fault_of([&] { desk.push("3", bytes_of(100, 1), std::chrono::milliseconds{200}); }) == Fault::overloaded);
    desk.second = desk.desk.stores[1];

    const auto again = desk.push("3", bytes_of(100, 1));

    // A sealed host cannot compare: what it was handed is kept beside what is archived.
    CHECK(again.outcome == (mode == RepositoryMode::managed ? Outcome::already_archived : Outcome::forked));
    CHECK(desk.desk.keys_below("log/", 0) == desk.desk.keys_below("log/", 1));
    CHECK(desk.catalog().find(line)->everywhere.at == 400);
}

TEST_CASE("a history that is pushed is known to the archive before any log of its timeline is") {
    Desk desk;
    desk.push("3", bytes_of(100, 1));

    CHECK(desk.push("2.history", {}).outcome == Outcome::stored);
    CHECK(desk.push("2.history", {}).outcome == Outcome::already_archived);
    CHECK(desk.objects(0) == 2);
    CHECK(desk.objects(1) == 2);

    CHECK(desk.fetch("2.history"));
    CHECK_FALSE(desk.fetch("3.history"));
    CHECK(desk.catalog().tip()->lineage.name == line);
    const auto known = desk.catalog().find(LineageName{"7/2"})->lineage;
    CHECK(known.parent == LogPosition{line, 350, "350"});
}

TEST_CASE("a file is absent only when every repository answered") {
    Desk desk;
    desk.push("3", bytes_of(100, 1));
    CHECK(desk.fetch("3"));
    CHECK_FALSE(desk.fetch("4"));
    CHECK_FALSE(desk.fetch("2.history"));

    desk.second = std::make_shared<FailingAfter>(*desk.desk.stores[1], 1, FailingAfter::Options{.only = "list"});
    CHECK(desk.fetch("3"));
    for (const auto* name : {"4", "2.history"}) {
        desk.second = std::make_shared<FailingAfter>(*desk.desk.stores[1], 1, FailingAfter::Options{.only = "list"});
        CHECK(fault_of([&] { desk.fetch(name); }) == Fault::unreachable);
    }
}

TEST_CASE("a hole on the way to the tip stops a recovery and does not end it") {
    Desk desk;
    const auto repository = desk.open();
    const auto put = [&](LogSample sample) { run(desk.desk.io, put_sample(*repository, std::move(sample))); };
    put({.from = 200, .bytes = bytes_of(100, 1)});
    put({.from = 400, .bytes = bytes_of(100, 1)});

    CHECK(desk.fetch("2"));
    CHECK(desk.fetch("4"));
    CHECK(fault_of([&] { desk.fetch("3"); }) == Fault::missing);
    CHECK_FALSE(desk.fetch("1"));  // before the archive begins
    CHECK_FALSE(desk.fetch("5"));
}

TEST_CASE("a parent with a hole behind the switch still gives what lies before it") {
    Desk desk;
    const auto repository = desk.open();
    const auto put = [&](LogSample sample) { run(desk.desk.io, put_sample(*repository, std::move(sample))); };
    put({.from = 200, .bytes = bytes_of(150, 1)});
    put({.from = 500, .bytes = bytes_of(100, 1)});  // the old primary went on alone
    desk.push("2.history", {});
    put({.lineage = LineageName{"7/2"},
         .from = 300,
         .bytes = bytes_of(200, 2),
         .stored = from_rfc3339("2026-11-23T09:00:00Z"),
         .begins_at = 300,
         .parent = LogPosition{line, 350, "350"}});

    REQUIRE(desk.fetch("2"));
    CHECK(read_file(desk.place / "fetched") == bytes_of(100, 1));
    REQUIRE(desk.fetch("4"));
    CHECK(read_file(desk.place / "fetched") == bytes_of(100, 2));
}

TEST_CASE("a frozen plan answers without a listing, and what it does not name is absent") {
    Desk desk;
    for (const auto* name : {"3", "4", "5"}) desk.push(name, bytes_of(100, 1));
    desk.push("2.history", {});
    const auto catalog = desk.catalog();
    const auto file = desk.place / "plan";
    write_fetch_plan(file, {.source = test_source,
                            .config = "/etc/varve.toml",
                            .path = {{.lineage = catalog.find(line)->lineage, .from = 300, .to = 500}},
                            .log = catalog});
    desk.push("3.history", {});
    auto counting = std::make_shared<FailingAfter>(*desk.desk.stores[1], 1, FailingAfter::Options{.only = "list"});
    desk.second = counting;  // opening the repository lists its config, and that is all

    const auto plan = read_fetch_plan(file);
    CHECK(plan.config == "/etc/varve.toml");
    CHECK(plan.path.front().lineage.name == line);
    CHECK(desk.fetch("4", plan));
    CHECK(desk.fetch("2.history", plan));
    desk.second = desk.desk.stores[1];
    CHECK_FALSE(desk.fetch("5", plan));
    CHECK_FALSE(desk.fetch("3.history", plan));
    for (const auto& call : counting->calls()) CHECK_FALSE(call.starts_with("list log/"));
}

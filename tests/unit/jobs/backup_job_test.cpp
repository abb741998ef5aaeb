#include "jobs/backup_job.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "jobs/source_memory.hpp"
#include "pipeline/recall.hpp"
#include "repository/pack_origin.hpp"
#include "repository/verify.hpp"
#include "support/temp_dir.hpp"
#include "support/test_repository.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

using namespace varve;
using namespace varve::test;
using namespace std::chrono_literals;

namespace {

/// Archives the files of one folder.
class FolderDriver final : public Driver {
public:
    explicit FolderDriver(std::filesystem::path folder) : folder_{std::move(folder)} {}

    DriverTraits traits() const noexcept override { return {}; }
    Task<SourceState> inspect() override {
        SourceState state;
        state.identity = "the only one";
        co_return state;
    }
    Task<BackupFacts> back_up(BackupRequest, BackupSink& sink) override {
        read = 0;
        for (const auto& found : std::filesystem::directory_iterator{folder_}) {
            auto file = std::make_shared<const LocalFile>(LocalFile::open(found.path()));
            const auto& status = file->status();
            Entry entry;
            entry.path = found.path().filename().string();
            entry.size = file->size();
            entry.device = status.st_dev;
            entry.inode = status.st_ino;
            entry.mtime_ns = entry.ctime_ns = 1;  // long ago: they may be carried over
            if (sink.previous() != nullptr && co_await sink.carry_over(entry)) continue;
            ++read;
            co_await sink.take_file(entry, file, ChunkProfile::file);
        }
        co_return BackupFacts{};
    }
    Task<> follow_log(std::optional<LogPosition>, LogSink&) override { co_return; }
    Task<LogProbe> probe_log(std::string) override { co_return LogProbe{}; }
    Task<ResolvedTarget> resolve(Target, const BackupFacts&, LogSource*) override { co_return ResolvedTarget{}; }
    Task<Restored> restore(RestoreRequest, RestoreSource&, LogSource*) override { co_return Restored{}; }
    Task<RestoreOutlook> preview_restore(RestoreRequest, RestoreSource&, LogSource*) override { co_return RestoreOutlook{}; }
    Task<> retire() override { co_return; }

    int read = 0;  ///< files of the last backup that were not carried over

private:
    std::filesystem::path folder_;
};

/// A folder with two files, and where it is archived.
struct Desk {
    explicit Desk(RepositoryMode mode = RepositoryMode::managed) : archive{mode} {
        repository = archive.open();
        write("a", 'a');
        write("b", 'b');
        auto made = std::make_unique<FolderDriver>(folder.path());
        driver = made.get();
        source.driver = std::move(made);
        source.setup.name = test_source;
        source.setup.driver = "folder";
        source.setup.retention.monthly = KeepLength{.months = 12};
        source.setup.state_dir = state.path();
        run(back_up());
        archive.clock.advance(24h);
    }
    void write(const std::string& name, char filler) { write_text(folder / name, std::string(20'000, filler)); }

    template <class T>
    T run(Task<T> task) {
        return varve::test::run(archive.io, std::move(task));
    }
    Task<BackupReport> back_up(BackupOptions options = {}) {
        JobContext context{
            .repository = *repository, .pools = archive.pools.pools, .clock = archive.clock, .chance = [] { return 0.5; }};
        co_return co_await run_backup(context, source, options);
    }
    /// What is wrong with a backup when all of it is read back, as the recovery kit can.
    std::vector<std::string> damage_of(const BackupReport& report) {
        const auto kit = archive.open(archive.keys.recovery_kit);
        auto manifest = run(kit->manifest(test_source, report.committed.name));
        RepositoryPackOrigin origin{*kit, test_source};
        Recall recall{archive.pools.pools, origin,
                      RecallPlan{.repository = kit->keys().repository,
                                 .keys = kit->opening(test_source),
                                 .packs = packs_of(manifest.structure),
                                 .content = *manifest.content,
                                 .facts = {},
                                 .scratch = state.path()}};
        return run(recall.check_all());
    }
    std::vector<ObjectKey> packs() { return archive.keys_below("pack/"); }

    TestRepository archive;
    TempDir folder, state;
    std::unique_ptr<Repository> repository;
    Source source;
    FolderDriver* driver = nullptr;
};

}  // namespace

TEST_CASE("an unchanged source is carried over and stores nothing but a list") {
    Desk desk;

    const auto second = desk.run(desk.back_up());

    CHECK(desk.driver->read == 0);
    CHECK(second.totals.bytes_read == 0);
    CHECK(desk.damage_of(second).empty());
}

TEST_CASE("a backup into a copy that was set back to an older state needs nothing that is not there any more") {
    const auto mode = GENERATE(RepositoryMode::managed, RepositoryMode::sealed);
    Desk desk{mode};
    const auto before = desk.archive.stores[0]->keys();
    desk.write("c", 'c');
    desk.run(desk.back_up());
    for (const auto& key : desk.archive.stores[0]->keys()) {
        const bool older = std::ranges::find(before, key) != before.end();
        if (!older) desk.run(desk.archive.stores[0]->remove(ObjectKey{key}));
    }
    desk.archive.clock.advance(24h);

    const auto report = desk.run(desk.back_up());

    CHECK(desk.driver->read == 3);
    CHECK(desk.damage_of(report).empty());
}

TEST_CASE("a backup does not need a pack that the repository lost") {
    Desk desk;
    const auto lost = desk.packs();
    const bool cut = GENERATE(true, false);
    for (const auto& key : lost) {
        if (cut) desk.archive.stores[0]->bytes_of(key).pop_back();
        if (!cut) desk.run(desk.archive.stores[0]->remove(key));
    }

    const auto report = desk.run(desk.back_up({.read_everything = GENERATE(true, false), .report = {}}));

    CHECK(desk.driver->read == 2);
    CHECK(desk.damage_of(report).empty());
}

TEST_CASE("after a verification that found a pack damaged, a new backup is whole") {
    Desk desk;
    for (const auto& key : desk.packs()) desk.archive.damage(0, key, 300);
    const auto verified = desk.run(verify_source(*desk.repository, test_source, {.level = 1, .memory = desk.state.path()}));
    REQUIRE_FALSE(verified.ok());

    const auto report = desk.run(desk.back_up());

    CHECK(desk.damage_of(report).empty());
    desk.archive.clock.advance(24h);
    const auto next = desk.run(desk.back_up());  // what was refused once does not come back
    CHECK(desk.driver->read == 0);
    CHECK(desk.damage_of(next).empty());
}

TEST_CASE("a sealed host that is told to read everything uses no earlier pack") {
    Desk desk{RepositoryMode::sealed};
    for (const auto& key : desk.packs()) desk.archive.damage(0, key, 300);

    const auto report = desk.run(desk.back_up({.read_everything = true, .report = {}}));

    CHECK(desk.damage_of(report).empty());
}

TEST_CASE("a bit that turned in what a host remembers stops no backup, and nothing is carried over from it") {
    Desk desk;
    const auto name = GENERATE(values<std::string>({"previous.list", "previous.json"}));
    auto bytes = read_file(desk.state / name);
    const auto place = GENERATE(0u, 1u, 2u, 3u);
    bytes[bytes.size() * place / 4] ^= 1;
    replace_file(desk.state / name, bytes);

    const auto report = desk.run(desk.back_up());

    CAPTURE(name, place);
    if (name == "previous.list") CHECK(desk.driver->read == 2);
    CHECK(desk.damage_of(report).empty());
}

TEST_CASE("a damaged newest manifest does not stop a host that lost its memory") {
    Desk desk;
    desk.write("c", 'c');
    const auto second = desk.run(desk.back_up());
    desk.archive.damage(0, second.committed.name.key, 300);
    for (const auto& found : std::filesystem::directory_iterator{desk.state.path()}) std::filesystem::remove_all(found.path());
    desk.archive.clock.advance(24h);

    const auto report = desk.run(desk.back_up());

    CHECK(desk.driver->read == 3);
    CHECK(desk.damage_of(report).empty());
}

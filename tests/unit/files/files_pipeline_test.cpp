// The files driver with the real pipeline: what the scripted sink cannot show.
#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "files/files_driver.hpp"
#include "support/manual_clock.hpp"
#include "unit/pipeline/rig.hpp"

namespace varve::test {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Driver> driver_for(Rig& rig, Clock& clock, const fs::path& path) {
    Settings settings;
    settings.set("paths", {{path.string()}, true, "test:1"});
    return files::make_driver(SourceName{"files/test"}, settings, {rig.pools.pools, clock, rig.scratch.path()});
}

TEST_CASE("a tree goes through chunks and packs and comes back", "[pipeline]") {
    Rig rig;
    SystemClock clock;
    const TempDir target;
    const auto large = random_bytes_of(9u << 20, 1);
    write_text(rig.tree / "data/large", std::string{text_of(large)});
    write_text(rig.tree / "data/small", "small");
    write_text(rig.tree / "data/empty", "");
    fs::create_symlink("small", rig.tree / "data/link");
    fs::create_hard_link(rig.tree / "data/large", rig.tree / "data/again");
    const auto driver = driver_for(rig, clock, rig.tree / "data");
    BackupFacts facts;
    const auto result = rig.back_up([&](BackupSink& sink) -> Task<> { facts = co_await driver->back_up({}, sink); });
    const auto recalled = rig.recall(result);
    RestoreRequest request;
    request.to = target / "restored";
    const auto restored = run(rig.io, driver->restore(request, *recalled, nullptr));

    CHECK(facts.findings.empty());
    CHECK(restored.bytes_written == large.size() + 5);
    CHECK(read_text(target / "restored/large") == text_of(large));
    CHECK(read_text(target / "restored/link") == "small");
    CHECK(fs::file_size(target / "restored/empty") == 0);
    CHECK(fs::hard_link_count(target / "restored/again") == 2);
    CHECK(fs::last_write_time(target / "restored/small") == fs::last_write_time(rig.tree / "data/small"));
}

TEST_CASE("the second backup of a tree reads what changed and stores what is new", "[pipeline]") {
    Rig rig;
    SystemClock clock;
    const auto content = random_bytes_of(3u << 20, 1);
    for (int n = 0; n < 20; ++n)
        write_text(rig.tree / "data" / std::to_string(n), std::to_string(n) + std::string{text_of(content)});
    const auto driver = driver_for(rig, clock, rig.tree / "data");
    const auto fill = [&](BackupSink& sink) -> Task<> { (void)co_await driver->back_up({}, sink); };
    const auto first = rig.back_up(fill);
    rig.remember(first);
    write_text(rig.tree / "data/7", "changed");
    // As if that backup had begun an hour after these files were written.
    const auto second = rig.back_up(fill, std::make_unique<Previous>(clock.now() + std::chrono::hours{1}), first.list_file);
    const auto recalled = rig.recall(second);

    CHECK(first.totals.bytes_read > 20 * content.size());
    CHECK(second.totals.bytes_read == 7);
    CHECK(second.totals.chunks_new == 1 + second.list.list_chunks().size() / 48);
    CHECK(text_of(rig.read(*recalled, "7")) == "changed");
    CHECK(rig.read(*recalled, "8").size() == content.size() + 1);
    fs::remove(first.list_file.path);
}

TEST_CASE("a tree with a file that grows all the time is archived whole", "[pipeline]") {
    Rig rig;
    SystemClock clock;
    write_text(rig.tree / "data/log", "first line\n");
    write_text(rig.tree / "data/still", "x");
    const auto driver = driver_for(rig, clock, rig.tree / "data");
    std::atomic<bool> stop{false};
    std::thread writer{[&] {
        std::ofstream log{rig.tree / "data/log", std::ios::app};
        while (!stop) log << "another line\n" << std::flush;
    }};
    const auto result = rig.back_up([&](BackupSink& sink) -> Task<> { (void)co_await driver->back_up({}, sink); });
    stop = true;
    writer.join();
    const auto recalled = rig.recall(result);

    const auto log = rig.read(*recalled, "log");
    CHECK(text_of(log).starts_with("first line\n"));
    CHECK(read_text(rig.tree / "data/log").starts_with(text_of(log)));
    CHECK(rig.entries(*recalled).size() == 3);
}

}  // namespace
}  // namespace varve::test

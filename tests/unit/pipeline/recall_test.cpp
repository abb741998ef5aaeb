#include "pipeline/recall.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "unit/pipeline/rig.hpp"

namespace varve {
namespace {

using test::file_entry;
using test::random_bytes_of;
using test::Rig;
using test::Source;

constexpr std::size_t mib = 1u << 20;

/// Files that lie in packs of their own, one backup that needs them all.
struct Packed {
    explicit Packed(Rig& rig) {
        for (int i = 0; i < 3; ++i) {
            const auto name = "f" + std::to_string(i);
            sources.push_back(rig.make_file(name, random_bytes_of(3 * mib + 100, static_cast<std::uint64_t>(i) + 1)));
            const auto before = rig.packs.stored;
            const auto alone = rig.back_up([&](BackupSink& sink) { return take(sink, sources.back()); });
            pack_of.push_back(alone.new_packs.at(0).name);
            rig.remember(alone);
        }
        result = rig.back_up([&](BackupSink& sink) -> Task<> {
            for (const auto& source : sources) co_await take(sink, source);
            co_await sink.add(file_entry("empty", 0), {});
        });
    }
    static Task<> take(BackupSink& sink, const Source& source) {
        co_await sink.take_file(source.entry, source.file, ChunkProfile::page);
    }
    std::vector<FileTarget> targets(const std::filesystem::path& to) const {
        std::vector<FileTarget> all;
        for (const auto& source : sources) all.push_back({.entry = source.entry, .path = to / source.entry.path});
        all.push_back({.entry = file_entry("empty", 0), .path = to / "empty"});
        return all;
    }

    std::vector<Source> sources;
    std::vector<PackName> pack_of;  ///< of each file's content
    IngestResult result;
};

bool same(const Rig& rig, const FileTarget& target) { return read_file(target.path) == read_file(rig.tree / target.entry.path); }

TEST_CASE("a restore visits each pack once and creates private files", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    const test::TempDir out;
    const auto recalled = rig.recall(packed.result);
    rig.entries(*recalled);
    rig.packs.gets = 0;

    const auto targets = packed.targets(out.path());
    const auto written = test::run(rig.io, recalled->write(targets, WriteMode::create));

    CHECK(written.bytes == 3 * (3 * mib + 100));
    CHECK(rig.packs.gets == 3);
    for (int i = 0; i < 3; ++i) CHECK(same(rig, targets[static_cast<std::size_t>(i)]));
    struct ::stat status{};
    REQUIRE(::stat((out / "empty").c_str(), &status) == 0);
    CHECK(status.st_size == 0);
    CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a restore never writes over what is there, nor through a link", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    const test::TempDir out, elsewhere;
    const auto way = GENERATE(0, 1, 2);
    if (way == 0) test::write_text(out / "f1", "mine");
    if (way == 1) std::filesystem::create_symlink(elsewhere / "target", out / "f1");
    if (way == 2) REQUIRE(::mkfifo((out / "f1").c_str(), 0600) == 0);

    try {
        test::run(rig.io, rig.recall(packed.result)->write(packed.targets(out.path()), WriteMode::create));
        FAIL("it wrote");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::conflict);
    }
    if (way == 0) CHECK(test::read_text(out / "f1") == "mine");
    CHECK_FALSE(std::filesystem::exists(elsewhere / "target"));
}

TEST_CASE("a damaged pack harms the files that need it and no other", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    const test::TempDir out, again;
    auto& bytes = rig.packs.stored[packed.pack_of[1]];
    const auto way = GENERATE(0, 1, 2);
    if (way == 0) bytes[bytes.size() / 2] ^= 1;
    if (way == 1) bytes.resize(bytes.size() / 2);
    if (way == 2) rig.packs.stored.erase(packed.pack_of[1]);
    const auto recalled = rig.recall(packed.result);
    const auto targets = packed.targets(out.path());

    const auto written = test::run(rig.io, recalled->write(targets, WriteMode::create));

    REQUIRE(written.damage.size() == 1);
    CHECK(written.harmed == std::set<std::string>{"f1"});
    const auto& sentence = written.damage.front();
    CHECK_THAT(sentence, Catch::Contains(to_hex(packed.pack_of[1])));
    CHECK_THAT(sentence, Catch::Contains("harms f1"));
    CHECK(sentence.ends_with("harms f1"));  // and nobody else
    CHECK(same(rig, targets[0]));
    CHECK(same(rig, targets[2]));
    CHECK_FALSE(std::filesystem::exists(out / "f1"));
    CHECK(std::filesystem::exists(out / "empty"));

    auto others = packed.targets(again.path());
    others.erase(others.begin() + 1);
    CHECK(test::run(rig.io, recalled->write(others, WriteMode::create)).bytes == 2 * (3 * mib + 100));

    CHECK_THROWS_WITH(rig.read(*recalled, "f1"), Catch::Contains(to_hex(packed.pack_of[1])));
    CHECK(rig.read(*recalled, "f2") == read_file(rig.tree / "f2"));

    const auto damaged = test::run(rig.io, recalled->check_all());
    REQUIRE(damaged.size() == 1);
    CHECK_THAT(damaged[0], Catch::Contains(to_hex(packed.pack_of[1])));
}

TEST_CASE("an entry whose chunks lie in a pack that the backup does not list harms its own file only", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    const test::TempDir out;
    auto plan = rig.plan(packed.result);
    std::erase_if(plan.packs, [&](const StoredPack& pack) { return pack.name == packed.pack_of[1]; });
    Recall recalled{rig.pools.pools, rig.packs, std::move(plan)};
    const auto targets = packed.targets(out.path());

    const auto written = test::run(rig.io, recalled.write(targets, WriteMode::create));

    CHECK(written.harmed == std::set<std::string>{"f1"});
    CHECK_FALSE(std::filesystem::exists(out / "f1"));
    CHECK(same(rig, targets[0]));
    CHECK(same(rig, targets[2]));
    CHECK_THROWS_WITH(written.require_whole("Heal it."), Catch::Contains("does not list") && Catch::Contains("harms f1"));
}

TEST_CASE("a list that names a chunk where there is none is found", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    rig.packs.stored[packed.pack_of[0]] = rig.packs.stored[packed.pack_of[2]];  // whole, sealed by us, and not the one

    const auto damaged = test::run(rig.io, rig.recall(packed.result)->check_all());

    REQUIRE_FALSE(damaged.empty());
    CHECK_THAT(damaged[0], Catch::Contains("f0"));
}

TEST_CASE("a delta restore fetches only what differs", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    const test::TempDir out;
    const auto recalled = rig.recall(packed.result);
    const auto targets = packed.targets(out.path());
    test::run(rig.io, recalled->write(targets, WriteMode::create));
    {
        auto changed = read_file(out / "f1");
        changed[2 * mib] ^= 1;
        changed.resize(changed.size() + 5000);
        replace_file(out / "f1", changed);
    }
    const auto before = recalled->progress();
    rig.packs.gets = 0;

    const auto written = test::run(rig.io, recalled->write(targets, WriteMode::delta));

    CHECK(written.bytes == 64 * 1024);
    CHECK(rig.packs.gets == 1);
    CHECK(recalled->progress().bytes_kept - before.bytes_kept == 3 * (3 * mib + 100) - 64 * 1024);
    for (std::size_t i = 0; i < 3; ++i) CHECK(same(rig, targets[i]));
    CHECK(std::filesystem::file_size(out / "empty") == 0);
}

TEST_CASE("a delta restore brings back what is missing or too short", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    const test::TempDir out;
    const auto recalled = rig.recall(packed.result);
    const auto targets = packed.targets(out.path());
    test::run(rig.io, recalled->write(targets, WriteMode::create));
    std::filesystem::remove(out / "f0");
    std::filesystem::resize_file(out / "f2", 100'000);
    std::filesystem::remove(out / "empty");

    test::run(rig.io, recalled->write(targets, WriteMode::delta));

    for (std::size_t i = 0; i < 3; ++i) CHECK(same(rig, targets[i]));
    CHECK(std::filesystem::exists(out / "empty"));
}

TEST_CASE("a delta restore does not write into what is no regular file", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    const test::TempDir out, elsewhere;
    test::write_text(elsewhere / "target", "mine");
    std::filesystem::create_symlink(elsewhere / "target", out / "f1");
    try {
        test::run(rig.io, rig.recall(packed.result)->write(packed.targets(out.path()), WriteMode::delta));
        FAIL("it wrote");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::conflict);
    }
    CHECK(test::read_text(elsewhere / "target") == "mine");
}

TEST_CASE("a store that does not answer stops a restore at once", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    class Silent final : public PackOrigin {
    public:
        Task<Bytes> get_pack(StoredPack) override { throw Error{Fault::unreachable, "no answer"}; }
    } silent;
    Recall recalled{rig.pools.pools, silent, rig.plan(packed.result)};
    test::EntryCollector collector;
    CHECK_THROWS_WITH(test::run(rig.io, recalled.each(collector)), Catch::Contains("no answer"));
    CHECK_THROWS_WITH(test::run(rig.io, recalled.check_all()), Catch::Contains("no answer"));
}

TEST_CASE("keys that open structure only cannot restore", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    auto plan = rig.plan(packed.result);
    plan.keys.readers = {rig.maintain};
    Recall recalled{rig.pools.pools, rig.packs, plan};
    test::EntryCollector collector;
    try {
        test::run(rig.io, recalled.each(collector));
        FAIL("it read");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::denied);
    }
}

TEST_CASE("an entry that the backup does not have is missing", "[pipeline]") {
    Rig rig;
    const Packed packed{rig};
    const auto recalled = rig.recall(packed.result);
    try {
        rig.read(*recalled, "f9");
        FAIL("it read");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::missing);
    }
    CHECK(rig.read(*recalled, "empty").empty());
}

// ----------------------------------------------------------------------------------------------------------- carrying over

Instant long_after() {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) + std::chrono::hours{1};
}

struct Carried {
    explicit Carried(Rig& rig) : source{rig.make_file("d/x", random_bytes_of(3 * mib, 1))} {
        first = rig.back_up([&](BackupSink& sink) { return Packed::take(sink, source); });
        rig.remember(first);
    }
    bool try_again(Rig& rig, const Entry& entry, Instant began) {
        bool carried = false;
        last = rig.back_up([&](BackupSink& sink) -> Task<> { carried = co_await sink.carry_over(entry); },
                           std::make_unique<test::Previous>(began), first.list_file);
        return carried;
    }
    Source source;
    IngestResult first, last;
};

TEST_CASE("an unchanged file is carried over unread and restored from where it lies", "[pipeline]") {
    Rig rig;
    Carried carried{rig};

    CHECK(carried.try_again(rig, carried.source.entry, long_after()));

    CHECK(carried.last.totals.bytes_read == 0);
    CHECK(carried.last.totals.bytes_source == 3 * mib);
    CHECK(carried.last.new_packs.empty());
    CHECK(rig.read(*rig.recall(carried.last), "d/x") == read_file(rig.tree / "d/x"));
}

TEST_CASE("a file that may have changed is not carried over", "[pipeline]") {
    Rig rig;
    Carried carried{rig};
    auto entry = carried.source.entry;
    auto began = long_after();
    const auto way = GENERATE(range(0, 8));
    if (way == 0) entry.size += 1;
    if (way == 1) entry.mtime_ns += 1;
    if (way == 2) entry.ctime_ns -= 1;
    if (way == 3) entry.inode += 1;
    if (way == 4) entry.device += 1;
    if (way == 5) entry.path = "d/y";
    if (way == 6) began = Instant{std::chrono::microseconds{entry.mtime_ns / 1000}} + std::chrono::milliseconds{1900};
    if (way == 7) entry.ctime_ns = 0;
    CHECK_FALSE(carried.try_again(rig, entry, began));
}

TEST_CASE("content in packs that may not be used again is not carried over", "[pipeline]") {
    Rig rig;
    Carried carried{rig};
    rig.index = ChunkIndex::open(rig.scratch / "index", 'w');
    CHECK_FALSE(carried.try_again(rig, carried.source.entry, long_after()));
}

TEST_CASE("a damaged previous list carries nothing over", "[pipeline]") {
    Rig rig;
    Carried carried{rig};
    auto bytes = read_file(carried.first.list_file.path);
    const auto way = GENERATE(range(0, 9));
    if (way == 0) bytes.resize(bytes.size() / 2);
    if (way > 0) bytes[bytes.size() * static_cast<std::size_t>(way - 1) / 8] ^= 1;  // path, times, lengths, chunks
    replace_file(carried.first.list_file.path, bytes);
    CHECK_FALSE(carried.try_again(rig, carried.source.entry, long_after()));
}

}  // namespace
}  // namespace varve

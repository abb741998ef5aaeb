#include "pipeline/ingest.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <mutex>
#include <numeric>

#include "unit/pipeline/rig.hpp"

namespace varve {
namespace {

using test::file_entry;
using test::random_bytes_of;
using test::Rig;
using test::Source;

constexpr std::size_t mib = 1u << 20;

/// Content of one entry, and how it goes in.
struct Planned {
    std::string path;
    Bytes content;
    ChunkProfile profile = ChunkProfile::page;
    bool pushed = false;
};

std::vector<Planned> random_tree(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    const std::vector<std::size_t> sizes{0, 1, 8192, 65536, 65537, 300'000, mib, mib + 1, 4 * mib, 4 * mib + 1, 9 * mib + 77};
    std::vector<Planned> tree;
    for (int i = 0; i < 30; ++i) {
        const auto size = sizes[random() % sizes.size()];
        tree.push_back({.path = "d" + std::to_string(random() % 5) + "/f" + std::to_string(i),
                        .content = random_bytes_of(size, seed + random() % 30),
                        .profile = static_cast<ChunkProfile>(1 + random() % 3),
                        .pushed = random() % 3 == 0});
    }
    return tree;
}

Task<> give(BackupSink& sink, const Planned& planned, const Source& source) {
    if (planned.pushed)
        co_await Rig::push(sink, planned.path, planned.profile, planned.content, 100'000);
    else
        co_await sink.take_file(source.entry, source.file, planned.profile);
}

Task<> give_all(BackupSink& sink, const std::vector<Planned>& tree, const std::vector<Source>& sources) {
    std::vector<std::size_t> numbers(tree.size());
    std::iota(numbers.begin(), numbers.end(), 0u);
    co_await for_each_limited(6, numbers, [&](std::size_t i) { return give(sink, tree[i], sources[i]); });
}

std::vector<Source> make_files(Rig& rig, const std::vector<Planned>& tree) {
    std::vector<Source> sources;
    for (const auto& planned : tree) sources.push_back(rig.make_file(planned.path, planned.content));
    return sources;
}

TEST_CASE("a random tree comes back byte for byte, in path order", "[pipeline]") {
    Rig rig;
    rig.options.pack_bytes_max = GENERATE(5 * mib, pack_bytes_max);
    const auto tree = random_tree(Catch::rngSeed());
    const auto sources = make_files(rig, tree);

    const auto result = rig.back_up([&](BackupSink& sink) { return give_all(sink, tree, sources); });

    for (const auto& [name, bytes] : rig.packs.stored) CHECK(bytes.size() <= rig.options.pack_bytes_max);
    CHECK(result.totals.files == tree.size());
    const auto recalled = rig.recall(result);
    const auto entries = rig.entries(*recalled);
    REQUIRE(entries.size() == tree.size());
    CHECK(std::ranges::is_sorted(entries, {}, &Entry::path));
    std::vector<FileTarget> targets;
    for (const auto& planned : tree) {
        const auto entry = std::ranges::find(entries, planned.path, &Entry::path);
        REQUIRE(entry != entries.end());
        CHECK(entry->size == planned.content.size());
        targets.push_back({.entry = *entry, .path = rig.scratch / ("out" + std::to_string(targets.size()))});
    }
    const auto written = test::run(rig.io, recalled->write(targets, WriteMode::create));
    CHECK(written.bytes == result.totals.bytes_source);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < tree.size(); ++i) wrong += read_file(targets[i].path) == tree[i].content ? 0 : 1;
    CHECK(wrong == 0);
    CHECK(test::run(rig.io, recalled->check_all()).empty());
}

TEST_CASE("entries without content keep what they are", "[pipeline]") {
    Rig rig;
    Entry link = file_entry("a/link", 0);
    link.kind = EntryKind::symlink;
    link.link_target = "../elsewhere";
    Entry small = file_entry("a/label", 0);
    small.attributes = {{"user.note", "x"}};

    const auto result = rig.back_up([&](BackupSink& sink) -> Task<> {
        co_await sink.add(small, to_bytes(view_of("hello")));
        co_await sink.add(link);
    });

    const auto recalled = rig.recall(result);
    const auto entries = rig.entries(*recalled);
    REQUIRE(entries.size() == 2);
    CHECK(entries[0].path == "a/label");
    CHECK(entries[0].size == 5);
    CHECK(entries[0].attributes == small.attributes);
    CHECK(entries[1].link_target == "../elsewhere");
    CHECK(rig.read(*recalled, entries[0]) == to_bytes(view_of("hello")));
}

TEST_CASE("a backup of nothing has an empty list", "[pipeline]") {
    Rig rig;
    const auto result = rig.back_up([](BackupSink&) -> Task<> { co_return; });
    CHECK(result.packs.empty());
    CHECK(rig.entries(*rig.recall(result)).empty());
    CHECK(test::run(rig.io, rig.recall(result)->check_all()).empty());
}

TEST_CASE("equal pages are stored once, whoever meets them first", "[pipeline]") {
    Rig rig;
    const auto zeros = rig.make_file("zeros", Bytes(24 * mib));

    const auto result = rig.back_up([&](BackupSink& sink) -> Task<> {
        const auto read = co_await sink.take_file(zeros.entry, zeros.file, ChunkProfile::page);
        CHECK(read.bytes == 24 * mib);
    });

    CHECK(result.totals.chunks_new <= 1 + 3 + 1);  // three workers may meet it at once; the list
    CHECK(result.totals.bytes_stored < 100'000);
}

TEST_CASE("a second backup of the same tree stores nothing", "[pipeline]") {
    Rig rig;
    const auto tree = random_tree(Catch::rngSeed());
    const auto sources = make_files(rig, tree);
    const auto fill = [&](BackupSink& sink) { return give_all(sink, tree, sources); };
    const auto first = rig.back_up(fill);
    rig.remember(first);

    const auto second = rig.back_up(fill);

    CHECK(second.new_packs.empty());
    CHECK(second.totals.bytes_stored == 0);
    CHECK(second.totals.chunks_new == 0);
    CHECK(second.list.list_chunks() == first.list.list_chunks());
    CHECK(test::run(rig.io, rig.recall(second)->check_all()).empty());
}

TEST_CASE("only re-used packs that are needed are listed", "[pipeline]") {
    Rig rig;
    const auto take = [](const Source& source) {
        return [&source](BackupSink& sink) -> Task<> { co_await sink.take_file(source.entry, source.file, ChunkProfile::page); };
    };
    const auto one = rig.make_file("one", random_bytes_of(mib, 1));
    const auto two = rig.make_file("two", random_bytes_of(mib, 2));
    const auto take_one = take(one), take_two = take(two);
    rig.remember(rig.back_up(take_one));
    const auto second = rig.back_up(take_two);
    rig.remember(second);

    const auto third = rig.back_up(take_two);

    CHECK(third.new_packs.empty());
    CHECK(std::ranges::is_permutation(third.packs, second.packs));
    CHECK(rig.read(*rig.recall(third), "two") == read_file(rig.tree / "two"));
}

TEST_CASE("what is inserted into a dump costs little the second time", "[pipeline]") {
    Rig rig;
    const auto content = random_bytes_of(20 * mib, Catch::rngSeed());
    auto longer = random_bytes_of(5000, 99);
    append(longer, content);
    rig.remember(rig.back_up([&](BackupSink& sink) { return Rig::push(sink, "dump", ChunkProfile::stream, content, 70'000); }));

    const auto second =
        rig.back_up([&](BackupSink& sink) { return Rig::push(sink, "dump", ChunkProfile::stream, longer, 333'333); });

    CHECK(second.totals.chunks_new < 8);
    CHECK(rig.read(*rig.recall(second), "dump") == longer);
}

TEST_CASE("how content was pushed or read does not change its chunks", "[pipeline]") {
    Rig rig;
    const auto content = random_bytes_of(13 * mib + 5, Catch::rngSeed());
    const auto profile = GENERATE(ChunkProfile::page, ChunkProfile::file, ChunkProfile::stream);
    const auto source = rig.make_file("x", content);
    rig.remember(rig.back_up([&](BackupSink& sink) -> Task<> { co_await sink.take_file(source.entry, source.file, profile); }));

    const auto pushed = rig.back_up([&](BackupSink& sink) { return Rig::push(sink, "y", profile, content, 6 * mib); });

    CHECK(pushed.totals.chunks_new == 1);  // the list
}

TEST_CASE("a file of the file profile up to 1 MiB is one chunk", "[pipeline]") {
    Rig rig;
    const auto source = rig.make_file("x", random_bytes_of(mib, Catch::rngSeed()));
    const auto result =
        rig.back_up([&](BackupSink& sink) -> Task<> { co_await sink.take_file(source.entry, source.file, ChunkProfile::file); });
    CHECK(result.totals.chunks_new == 2);
}

TEST_CASE("a list whose chunk entries are many gets an index", "[pipeline]") {
    Rig rig;
    rig.options.list_entries_bytes_max = 96;
    const auto fill = [](BackupSink& sink) -> Task<> {
        for (int i = 0; i < 20'000; ++i) {
            auto entry = file_entry("some/rather/long/path/" + std::to_string(i * 7919 % 20'000), 0);
            entry.inode = static_cast<std::uint64_t>(i) * 7919 * 104729;
            entry.kind = EntryKind::directory;
            co_await sink.add(std::move(entry), {});
        }
    };

    const auto result = rig.back_up(fill);

    CHECK(result.list.list_levels() == 2);
    const auto entries = rig.entries(*rig.recall(result));
    CHECK(entries.size() == 20'000);
    CHECK(std::ranges::is_sorted(entries, {}, &Entry::path));
    CHECK(test::run(rig.io, rig.recall(result)->check_all()).empty());
}

TEST_CASE("the same path twice is a defect of the driver", "[pipeline]") {
    Rig rig;
    const auto fill = [](BackupSink& sink) -> Task<> {
        co_await sink.add(file_entry("a", 0), {});
        co_await sink.add(file_entry("b", 0), {});
        co_await sink.add(file_entry("a", 0), {});
    };
    CHECK_THROWS_WITH(rig.back_up(fill), Catch::Contains("entry a twice"));
    CHECK(std::filesystem::is_empty(rig.scratch.path()));
}

TEST_CASE("a file that shrank is stored as far as it reaches", "[pipeline]") {
    Rig rig;
    const auto profile = GENERATE(ChunkProfile::page, ChunkProfile::file);
    const auto kept = GENERATE(std::size_t{0}, std::size_t{5000}, 4 * mib, 9 * mib + 1);
    const auto content = random_bytes_of(14 * mib, Catch::rngSeed());
    auto source = rig.make_file("x", content);
    REQUIRE(::truncate((rig.tree / "x").c_str(), static_cast<off_t>(kept)) == 0);

    const auto result = rig.back_up([&](BackupSink& sink) -> Task<> {
        const auto read = co_await sink.take_file(source.entry, source.file, profile);
        CHECK(read.bytes == kept);
    });

    const auto recalled = rig.recall(result);
    CHECK(rig.entries(*recalled).at(0).size == kept);
    CHECK(rig.read(*recalled, "x") == to_bytes(ByteView{content}.first(kept)));
}

TEST_CASE("a file that grew is stored as long as its entry says", "[pipeline]") {
    Rig rig;
    const auto content = random_bytes_of(9 * mib, Catch::rngSeed());
    auto source = rig.make_file("x", content);
    source.entry.size = 5 * mib + 3;
    const auto profile = GENERATE(ChunkProfile::page, ChunkProfile::file);

    const auto result =
        rig.back_up([&](BackupSink& sink) -> Task<> { co_await sink.take_file(source.entry, source.file, profile); });

    CHECK(rig.read(*rig.recall(result), "x") == to_bytes(ByteView{content}.first(5 * mib + 3)));
}

class RegionLog final : public BlockCheck {
public:
    void look(std::uint64_t offset, ByteView bytes) override {
        const std::lock_guard lock{mutex};
        seen[offset] = bytes.size();
    }
    std::mutex mutex;
    std::map<std::uint64_t, std::size_t> seen;
};

TEST_CASE("a block check sees every region once, aligned", "[pipeline]") {
    Rig rig;
    const auto profile = GENERATE(ChunkProfile::page, ChunkProfile::file);
    const auto source = rig.make_file("x", random_bytes_of(9 * mib + 1, 1));
    const auto check = std::make_shared<RegionLog>();

    rig.back_up([&](BackupSink& sink) -> Task<> { co_await sink.take_file(source.entry, source.file, profile, check); });

    CHECK(check->seen == std::map<std::uint64_t, std::size_t>{{0, 4 * mib}, {4 * mib, 4 * mib}, {8 * mib, mib + 1}});
}

TEST_CASE("a writer that is dropped leaves no entry", "[pipeline]") {
    Rig rig;
    const auto result = rig.back_up([&](BackupSink& sink) -> Task<> {
        const auto writer = co_await sink.open(file_entry("half", 0), ChunkProfile::stream);
        co_await writer->write(random_bytes_of(9 * mib, 1));
        co_await sink.add(file_entry("whole", 0), {});
    });
    CHECK(rig.entries(*rig.recall(result)).size() == 1);
}

TEST_CASE("an error of the driver passes, and everything has ended", "[pipeline]") {
    Rig rig;
    const auto fill = [&](BackupSink& sink) -> Task<> {
        const auto writer = co_await sink.open(file_entry("half", 0), ChunkProfile::stream);
        co_await writer->write(random_bytes_of(9 * mib, 1));
        throw Error{Fault::denied, "the server said no"};
    };
    CHECK_THROWS_WITH(rig.back_up(fill), Catch::Contains("the server said no"));
    CHECK(std::filesystem::is_empty(rig.scratch.path()));
}

TEST_CASE("a pack that is refused ends the backup with what the store said", "[pipeline]") {
    Rig rig;
    rig.options.pack_bytes_max = 5 * mib;
    rig.packs.puts_until_failure = GENERATE(0, 1, 2);
    const auto source = rig.make_file("x", random_bytes_of(24 * mib, 1));
    const auto fill = [&](BackupSink& sink) -> Task<> { co_await sink.take_file(source.entry, source.file, ChunkProfile::page); };
    CHECK_THROWS_WITH(rig.back_up(fill), Catch::Contains("the store went away"));
}

TEST_CASE("a file that its check does not accept stays out, and may be taken again", "[pipeline]") {
    class Once final : public BlockCheck {
    public:
        void look(std::uint64_t, ByteView) override {}
        bool accept() override { return ++asked_ > 1; }

    private:
        int asked_ = 0;
    };
    Rig rig;
    const auto profile = GENERATE(ChunkProfile::page, ChunkProfile::file);
    const auto size = GENERATE(0, 1000, 9 * mib);
    const auto content = random_bytes_of(static_cast<std::size_t>(size), 1);
    const auto source = rig.make_file("busy", content);
    std::vector<bool> kept;
    const auto result = rig.back_up([&](BackupSink& sink) -> Task<> {
        const auto check = std::make_shared<Once>();
        for (int n = 0; n < 2; ++n) kept.push_back((co_await sink.take_file(source.entry, source.file, profile, check)).kept);
    });
    const auto recalled = rig.recall(result);

    CHECK(kept == std::vector<bool>{false, true});
    CHECK(rig.entries(*recalled).size() == 1);
    CHECK(rig.read(*recalled, "busy") == content);
}

TEST_CASE("a file that cannot be read says so by its path, and the backup may go on", "[pipeline]") {
    Rig rig;
    const auto content = random_bytes_of(1000, 1);
    const auto good = rig.make_file("good", content);
    // Reading it at 0 fails with EIO, like a bad sector.
    const auto bad = std::make_shared<const LocalFile>(LocalFile::open("/proc/self/mem"));
    const auto size = GENERATE(100u, 9u << 20);
    const auto profile = GENERATE(ChunkProfile::page, ChunkProfile::file);
    std::string path;
    const auto result = rig.back_up([&](BackupSink& sink) -> Task<> {
        try {
            co_await sink.take_file(file_entry("bad", size), bad, profile);
        } catch (const Error& error) {
            path = error.context().at("path");
        }
        co_await sink.take_file(good.entry, good.file, profile);
    });
    const auto recalled = rig.recall(result);

    CHECK(path == "/proc/self/mem");
    CHECK(rig.entries(*recalled).size() == 1);
    CHECK(rig.read(*recalled, "good") == content);
}

TEST_CASE("a sink that is used outside its run is a defect", "[pipeline]") {
    Rig rig;
    Ingest ingest{rig.pools.pools, rig.packs, rig.index, rig.sealing, rig.keys, rig.options, nullptr, {}};
    CHECK_THROWS_AS(test::run(rig.io, ingest.add(file_entry("a", 0), {})), Error);
}

TEST_CASE("packs under way stay within the memory given", "[pipeline]") {
    Rig rig;
    rig.options.pack_bytes_max = 5 * mib;
    rig.options.memory_max = 48 * mib;
    const auto source = rig.make_file("x", random_bytes_of(80 * mib, 1));
    rig.packs.before_put = []() -> Task<> {  // slower than the workers
        for (int i = 0; i < 2000; ++i) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    };

    rig.back_up([&](BackupSink& sink) -> Task<> { co_await sink.take_file(source.entry, source.file, ChunkProfile::page); });

    CHECK(rig.packs.most_under_way <= 32 * mib);
}

TEST_CASE("a backup may be stopped anywhere", "[pipeline]") {
    Rig rig;
    rig.options.pack_bytes_max = 5 * mib;
    const auto source = rig.make_file("x", random_bytes_of(5 * mib, 1));
    const auto small = rig.make_file("y", random_bytes_of(1000, 2));
    const auto fill = [&](BackupSink& sink) -> Task<> {
        co_await sink.take_file(small.entry, small.file, ChunkProfile::page);
        co_await sink.take_file(source.entry, source.file, ChunkProfile::page);
        co_await Rig::push(sink, "z", ChunkProfile::stream, random_bytes_of(5 * mib, 3), mib);
    };
    rig.packs.before_put = []() -> Task<> { co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable); };

    bool finished = false;
    for (int steps = 1; !finished; steps += 1 + steps / 4) {
        Ingest ingest{rig.pools.pools, rig.packs, rig.index, rig.sealing, rig.keys, rig.options, nullptr, {}};
        TaskGroup group{rig.io.get_executor()};
        auto whole = [&]() -> Task<> {
            const auto result = co_await ingest.run(fill);
            std::filesystem::remove(result.list_file.path);
            finished = true;
        };
        auto until_stopped = [&]() -> Task<> {
            group.spawn(whole());
            for (int i = 0; i < steps && !finished; ++i)
                co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
            group.request_stop();
            co_await group.join();
        };
        try {
            test::run(rig.io, until_stopped());
        } catch (const Error& error) {
            CHECK(error.fault() == Fault::cancelled);
        }
        CHECK(std::filesystem::is_empty(rig.scratch.path()));
    }
}

}  // namespace
}  // namespace varve

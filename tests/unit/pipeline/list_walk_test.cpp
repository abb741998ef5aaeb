#include "pipeline/list_walk.hpp"

#include <catch2/catch.hpp>

#include "unit/pipeline/rig.hpp"

namespace varve::test {
namespace {

using Depth = FolderWalk::Depth;

Entry folder_entry(std::string path) {
    auto entry = file_entry(std::move(path), 0);
    entry.kind = EntryKind::directory;
    entry.mode = 0755;
    return entry;
}

/// Folders `b` and `b/c` have no entry of their own, as when a source has several paths.
struct Desk {
    Desk() {
        const auto result = rig.back_up([](BackupSink& sink) -> Task<> {
            for (const auto* path : {".", "a", "a/y"}) co_await sink.add(folder_entry(path));
            for (const auto* path : {"a-1", "a/x", "a/y/z", "a0", "b/c/d", "b/c/e"}) co_await sink.add(file_entry(path, 0));
        });
        recalled = rig.recall(result);
        list = run(rig.io, recalled->list());
    }

    /// Made up folders have a question mark.
    std::vector<std::string> walked(const std::string& folder, Depth depth, std::size_t at_once = 256) {
        std::vector<std::string> paths;
        FolderWalk walk{list, folder, depth};
        for (auto some = walk.next(at_once); !some.empty(); some = walk.next(at_once))
            for (const auto& listed : some) paths.push_back(listed.entry.path + (listed.recorded ? "" : "?"));
        return paths;
    }

    Rig rig;
    std::unique_ptr<Recall> recalled;
    std::shared_ptr<const RecallList> list;
};

using Paths = std::vector<std::string>;

TEST_CASE("a folder is listed with what lies right in it, also where only paths below tell of it", "[pipeline]") {
    Desk desk;
    const auto at_once = GENERATE(std::size_t{1}, std::size_t{2}, std::size_t{256});

    CHECK(desk.walked("", Depth::here, at_once) == Paths{"a", "a-1", "a0", "b?"});
    CHECK(desk.walked("a", Depth::here, at_once) == Paths{"a/x", "a/y"});
    CHECK(desk.walked("b", Depth::here, at_once) == Paths{"b/c?"});
    CHECK(desk.walked("b/c", Depth::here, at_once) == Paths{"b/c/d", "b/c/e"});
    CHECK(desk.walked("a-1", Depth::here, at_once).empty());
}

TEST_CASE("a walk below a folder meets every entry of it and nothing beside it", "[pipeline]") {
    Desk desk;

    CHECK(desk.walked("", Depth::below) == Paths{"a", "a-1", "a/x", "a/y", "a/y/z", "a0", "b/c/d", "b/c/e"});
    CHECK(desk.walked("a", Depth::below, 2) == Paths{"a/x", "a/y", "a/y/z"});
    CHECK(desk.walked("b", Depth::below) == Paths{"b/c/d", "b/c/e"});
}

TEST_CASE("a path is found when it has an entry or something below it", "[pipeline]") {
    Desk desk;
    const auto found = [&](const std::string& path) {
        const auto listed = find_listed(*desk.list, path);
        return listed ? listed->entry.path + (listed->recorded ? "" : "?") : "nothing";
    };

    CHECK(found("") == ".");
    CHECK(found("a") == "a");
    CHECK(found("a/y/z") == "a/y/z");
    CHECK(found("b/c") == "b/c?");
    CHECK(found("a/") == "nothing");
    CHECK(found("b/") == "nothing");
    CHECK(found("c") == "nothing");
    CHECK(found("a0/x") == "nothing");
}

}  // namespace
}  // namespace varve::test

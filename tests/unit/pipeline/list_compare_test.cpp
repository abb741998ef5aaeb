#include "pipeline/list_compare.hpp"

#include <catch2/catch.hpp>

#include "unit/pipeline/rig.hpp"

namespace varve::test {
namespace {

struct Given {
    Entry entry;
    std::string content;
};

Given given(std::string path, std::string content, std::int64_t time = 1) {
    Given made{.entry = file_entry(std::move(path), 0), .content = std::move(content)};
    made.entry.mtime_ns = time;
    return made;
}

Given folder(std::string path, std::int64_t time) {
    auto made = given(std::move(path), "", time);
    made.entry.kind = EntryKind::directory;
    return made;
}

/// "+ path", "- path", "~ path content,time".
std::vector<std::string> compared(const std::vector<Given>& before, const std::vector<Given>& after, bool same_ids = true) {
    Rig rig;
    std::vector<std::unique_ptr<Recall>> recalled;
    for (const auto* side : {&before, &after})
        recalled.push_back(rig.recall(rig.back_up([side](BackupSink& sink) -> Task<> {
            for (const auto& one : *side) co_await sink.add(one.entry, to_bytes(view_of(one.content)));
        })));
    ListComparison comparison{run(rig.io, recalled[0]->list()), run(rig.io, recalled[1]->list()), same_ids};
    std::vector<std::string> lines;
    while (!comparison.done())
        for (const auto& one : comparison.next()) {
            auto line = (!one.before ? "+ " : !one.after ? "- " : "~ ") + (one.after ? one.after : one.before)->path;
            for (const auto& change : one.changes) line += (&change == &one.changes.front() ? " " : ",") + change;
            lines.push_back(line);
        }
    return lines;
}

using Lines = std::vector<std::string>;

TEST_CASE("two lists are compared in path order, to the end of both", "[pipeline]") {
    const std::vector<Given> some{given("a", "1"), given("c", "3"), given("d", "4")};
    const std::vector<Given> others{given("b", "2"), given("c", "3"), given("e", "5"), given("f", "6")};

    CHECK(compared(some, others) == Lines{"- a", "+ b", "- d", "+ e", "+ f"});
    CHECK(compared(some, some).empty());
    CHECK(compared({}, some) == Lines{"+ a", "+ c", "+ d"});
    CHECK(compared(some, {}) == Lines{"- a", "- c", "- d"});
}

TEST_CASE("each thing that changed is named", "[pipeline]") {
    const auto before = given("x", "content");
    auto after = before;
    const auto changes = [&] { return compared({before}, {after}); };

    after.content = "CONTENT";
    CHECK(changes() == Lines{"~ x content"});
    after.content = "longer content";
    after.entry.mtime_ns = 2;
    CHECK(changes() == Lines{"~ x content,size,time"});
    after = before;
    after.entry.mode = 0600;
    after.entry.uid = 7;
    CHECK(changes() == Lines{"~ x mode,owner"});
    after = before;
    after.entry.attributes["xattr:user.note"] = "1";
    CHECK(changes() == Lines{"~ x attributes"});
    after = before;
    after.entry.inode = 9;
    after.entry.ctime_ns = 9;
    CHECK(changes().empty());
    after = given("x", "");
    after.entry.kind = EntryKind::symlink;
    after.entry.link_target = "y";
    CHECK(changes() == Lines{"~ x type,content,size,target"});
}

TEST_CASE("a folder whose time alone changed is no difference", "[pipeline]") {
    auto closed = folder("d", 1);
    closed.entry.mode = 0700;

    CHECK(compared({folder("d", 1)}, {folder("d", 2)}).empty());
    CHECK(compared({folder("d", 2)}, {closed}) == Lines{"~ d time,mode"});
}

TEST_CASE("where chunks were named with another key, size and time tell whether content changed", "[pipeline]") {
    CHECK(compared({given("x", "1", 1)}, {given("x", "2", 1)}, false).empty());
    CHECK(compared({given("x", "1", 1)}, {given("x", "1", 2)}, false) == Lines{"~ x content,time"});
}

}  // namespace
}  // namespace varve::test

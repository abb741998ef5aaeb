#include "policy/base_need.hpp"

#include <catch2/catch.hpp>

#include "policy/zone_database.hpp"

using namespace varve;
using namespace std::chrono_literals;

namespace {

Instant minute(int count) {
    return Instant{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23}} + std::chrono::minutes{count};
}
LogPosition in(const std::string& lineage, std::uint64_t at) { return {.lineage = LineageName{lineage}, .at = at, .text = {}}; }
ArchivedBackup backup(const std::string& lineage, std::uint64_t start, std::uint64_t stop) {
    return {.id = BackupId{lineage + "-" + std::to_string(start)},
            .start = in(lineage, start),
            .stop = in(lineage, stop),
            .stop_time = minute(static_cast<int>(stop)),
            .expires = minute(20000)};
}
ArchivedLog log(const std::string& lineage, std::uint64_t from, std::uint64_t to) {
    return {.lineage = LineageName{lineage},
            .from = from,
            .to = to,
            .last_commit = {},
            .known_through = {},
            .stored_at = minute(static_cast<int>(to))};
}
Lineage root(const std::string& name) { return {.name = LineageName{name}, .begins_at = 0, .parent = {}, .facts = {}}; }
Lineage child(const std::string& name, const std::string& parent, std::uint64_t at) {
    return {.name = LineageName{name}, .begins_at = at, .parent = in(parent, at), .facts = {}};
}
ArchiveContent archive(std::vector<ArchivedBackup> backups, std::vector<Lineage> lineages, std::vector<ArchivedLog> log) {
    return {.backups = std::move(backups), .lineages = std::move(lineages), .log = std::move(log), .print_position = {}};
}

/// "fine", or the lineage that no backup leads to and where the holes before it begin.
std::string need_of(const ArchiveContent& content) {
    const auto need = base_need(content);
    if (!need) return "fine";
    std::string text = need->lineage.text();
    for (const auto& hole : need->holes) text += " " + hole.lineage.text() + "@" + std::to_string(hole.from);
    return text;
}

}  // namespace

TEST_CASE("a gap is open until a base backup after it leads to the newest log") {
    const std::vector<ArchivedLog> holed{log("1", 0, 40), log("1", 60, 100)};

    CHECK(need_of(archive({backup("1", 10, 15)}, {root("1")}, holed)) == "1 1@40");
    CHECK(need_of(archive({backup("1", 45, 50)}, {root("1")}, holed)) == "1 1@40");
    CHECK(need_of(archive({backup("1", 70, 75), backup("1", 10, 15)}, {root("1")}, holed)) == "fine");
    CHECK(need_of(archive({backup("1", 110, 120), backup("1", 10, 15)}, {root("1")}, holed)) == "fine");
    CHECK(need_of(archive({}, {root("1")}, holed)) == "1 1@40");
}

TEST_CASE("every gap is looked at, not only the last one") {
    const std::vector<ArchivedLog> twice{log("1", 0, 20), log("1", 30, 50), log("1", 60, 100)};

    CHECK(need_of(archive({backup("1", 32, 35)}, {root("1")}, twice)) == "1 1@20 1@50");
    CHECK(need_of(archive({backup("1", 62, 65)}, {root("1")}, twice)) == "fine");
}

TEST_CASE("a promotion keeps a closed gap closed and an open one open") {
    // The names sort the other way round than the lineages follow each other.
    const std::vector<Lineage> promoted{root("b"), child("a", "b", 80)};
    const std::vector<ArchivedLog> holed{log("b", 0, 40), log("b", 60, 80), log("a", 80, 120)};

    CHECK(need_of(archive({backup("b", 65, 70)}, promoted, holed)) == "fine");
    CHECK(need_of(archive({backup("b", 10, 15)}, promoted, holed)) == "a b@40");
    CHECK(need_of(archive({backup("a", 90, 95), backup("b", 10, 15)}, promoted, holed)) == "fine");
}

TEST_CASE("a gap after a branch was left, or in a branch that nobody follows, is open for nobody") {
    const std::vector<Lineage> promoted{root("1"), child("2", "1", 50)};
    const std::vector<ArchivedLog> content{log("1", 0, 60), log("1", 70, 90), log("2", 50, 120)};

    CHECK(need_of(archive({backup("1", 10, 15)}, promoted, content)) == "fine");
}

TEST_CASE("a new lineage that no backup leads to needs a base") {
    CHECK(need_of(archive({backup("1", 10, 15)}, {root("1"), root("2")}, {log("1", 0, 50), log("2", 0, 90)})) == "2");
    CHECK(need_of(archive({backup("1", 10, 15), backup("2", 60, 65)}, {root("1"), root("2")},
                          {log("1", 0, 50), log("2", 0, 90)})) == "fine");
}

TEST_CASE("without log, and for the log of a forked file, no base is needed") {
    auto fork = root("1/fork");
    fork.facts["forked_from"] = "1";

    CHECK(need_of(archive({}, {}, {})) == "fine");
    CHECK(need_of(archive({backup("1", 10, 15)}, {root("1")}, {})) == "fine");
    CHECK(need_of(archive({backup("1", 10, 15)}, {root("1"), fork}, {log("1", 0, 50), log("1/fork", 48, 90)})) == "fine");
}

#include "cli/listing.hpp"

#include <catch2/catch.hpp>

#include "cli/format_text.hpp"
#include "cli/text_entry.hpp"
#include "sample_results.hpp"

namespace varve::cli::test {
namespace {

Entry entry(std::string path, EntryKind kind = EntryKind::file, std::uint32_t mode = 0644, std::uint64_t size = 0) {
    Entry made;
    made.path = std::move(path);
    made.kind = kind;
    made.mode = mode;
    made.size = size;
    made.uid = 33;
    made.gid = 34;
    made.user = "www-data";
    made.mtime_ns = 1'795'399'200'123'456'789;
    return made;
}

EntryRow row(Entry of, bool recorded = true) {
    EntryRow made{.entry = std::move(of), .recorded = recorded, .name = {}};
    made.name = made.entry.path;
    return made;
}

const BackupSeen older{BackupId{"20261122T020000Z-5e6f7a8b"}, at("2026-11-22T02:00:12Z")};
const BackupSeen newer{BackupId{"20261123T020000Z-1a2b3c4d"}, at("2026-11-23T02:00:12Z")};

ListHead head_of_list() {
    ListHead head;
    head.source = SourceName{"shop/uploads"};
    head.backup = newer;
    return head;
}

TEST_CASE("modes read as ls prints them") {
    CHECK(mode_text(EntryKind::file, 0644) == "-rw-r--r--");
    CHECK(mode_text(EntryKind::directory, 01777) == "drwxrwxrwt");
    CHECK(mode_text(EntryKind::file, 06755) == "-rwsr-sr-x");
    CHECK(mode_text(EntryKind::file, 07000) == "---S--S--T");
    CHECK(mode_text(EntryKind::symlink, 0777) == "lrwxrwxrwx");
    CHECK(octal_text(04751) == "4751");
    CHECK(octal_text(0100644) == "0644");
}

TEST_CASE("a list has one line an entry, and no name ends it or moves the cursor") {
    auto link = entry("link", EntryKind::symlink, 0777);
    link.link_target = "a\x1b[2J";
    auto second = entry("second", EntryKind::hardlink);
    second.link_target = "odd";
    Listing listing{"ls", false};
    listing.begin(head_of_list());
    listing.add(row(entry("dir", EntryKind::directory, 0755)));
    listing.add(row(entry("odd\nname\xff\xc2\x9b", EntryKind::file, 0640, 2048)));
    listing.add(row(link));
    listing.add(row(second));
    listing.add(row(entry("above", EntryKind::directory), false));

    const auto text = listing.take() + listing.end().out;

    CHECK(text ==
          "Backup 20261123T020000Z-1a2b3c4d, consistent at 2026-11-23 02:00:12Z:\n"
          "drwxr-xr-x  www-data:34          -  2026-11-23 02:00:00Z  dir/\n"
          "-rw-r-----  www-data:34    2.0 KiB  2026-11-23 02:00:00Z  odd?name??\n"
          "lrwxrwxrwx  www-data:34          -  2026-11-23 02:00:00Z  link -> a?[2J\n"
          "-rw-r--r--  www-data:34          -  2026-11-23 02:00:00Z  second (the same file as odd)\n"
          "d?????????  ?                    -  ?                     above/\n");
}

TEST_CASE("text of others is printed as letters and nothing else") {
    CHECK(printable("b\xc3\xa4r \xe2\x82\xac \xf0\x9f\x98\x80") == "b\xc3\xa4r \xe2\x82\xac \xf0\x9f\x98\x80");
    CHECK(printable("a\tb\x7f\x1b") == "a?b??");
    CHECK(printable("\x9b\xff\xc3") == "???");
    CHECK(printable("\xc2\x9b") == "?");
    CHECK(printable("\xe2\x80\xae"
                    "gpj\xe2\x81\xa6") == "?gpj?");
    CHECK(printable("\xe2\x82") == "??");
}

TEST_CASE("a list under --json is the one document of every command, whole only when it has ended") {
    Listing listing{"ls", true};
    listing.begin(head_of_list());
    listing.add(row(entry("a\xff", EntryKind::file, 0640, 7)));
    listing.add(row(entry("b", EntryKind::directory), false));
    const auto printed = listing.take();
    CHECK_FALSE(nlohmann::json::accept(printed));

    const auto answer = listing.end();
    const auto document = nlohmann::json::parse(printed + answer.out);

    CHECK(document["schema"] == 1);
    CHECK(document["command"] == "ls");
    CHECK(document["ok"] == true);
    CHECK(document["exit_code"] == 0);
    const auto& result = document["result"];
    CHECK(result["source"] == "shop/uploads");
    CHECK(result["backup"] == nlohmann::json{{"id", newer.id.text()}, {"stop_time", "2026-11-23T02:00:12Z"}});
    REQUIRE(result["entries"].size() == 2);
    CHECK(result["entries"][0] == nlohmann::json{{"path", "a\xef\xbf\xbd"},
                                                 {"kind", "file"},
                                                 {"size", 7},
                                                 {"mode", "0640"},
                                                 {"uid", 33},
                                                 {"gid", 34},
                                                 {"user", "www-data"},
                                                 {"group", nullptr},
                                                 {"mtime", "2026-11-23T02:00:00.123456Z"},
                                                 {"link_target", nullptr}});
    CHECK(result["entries"][1]["mode"].is_null());
    CHECK(result["entries"][1]["mtime"].is_null());
}

TEST_CASE("an empty list is a whole document, too") {
    Listing listing{"find", true};
    listing.begin(head_of_list());

    CHECK(nlohmann::json::parse(listing.end().out)["result"]["entries"] == nlohmann::json::array());
}

TEST_CASE("differences are marked and counted") {
    auto changed = entry("c", EntryKind::file, 0644, 10);
    ListHead head;
    head.source = SourceName{"shop/uploads"};
    head.before = older;
    head.after = newer;
    for (const bool json : {false, true}) {
        Listing listing{"diff", json};
        listing.begin(head);
        listing.add(DifferenceRow{.before = {}, .after = entry("a"), .changes = {}});
        listing.add(DifferenceRow{.before = entry("b", EntryKind::directory), .after = {}, .changes = {}});
        listing.add(DifferenceRow{.before = entry("c"), .after = changed, .changes = {"content", "size"}});
        const auto answer = listing.end();
        if (!json) {
            CHECK(answer.out ==
                  "From 20261122T020000Z-5e6f7a8b, consistent at 2026-11-22 02:00:12Z\n"
                  "to   20261123T020000Z-1a2b3c4d, consistent at 2026-11-23 02:00:12Z:\n"
                  "+ a\n"
                  "- b/\n"
                  "~ c  (content, size)\n"
                  "1 added, 1 removed, 1 changed\n");
            continue;
        }
        const auto result = nlohmann::json::parse(answer.out)["result"];
        CHECK(result["added"] == 1);
        CHECK(result["removed"] == 1);
        CHECK(result["changed"] == 1);
        CHECK(result["differences"][1]["difference"] == "removed");
        CHECK(result["differences"][1]["after"].is_null());
        CHECK(result["differences"][2]["changes"] == nlohmann::json{"content", "size"});
        CHECK(result["differences"][2]["before"]["size"] == 0);
        CHECK(result["differences"][2]["after"]["size"] == 10);
    }
}

TEST_CASE("a failure before the first row is an answer like any other, and one among the rows keeps what was found") {
    const auto error = Error{Fault::missing, "backup x has no y"}.code("path_not_found", 1).hint("Look.");
    Listing before{"ls", true};
    const auto refused = before.fail(error);
    CHECK(refused.exit_code == 1);
    CHECK_FALSE(nlohmann::json::parse(refused.out).contains("result"));

    Listing among{"ls", true};
    among.begin(head_of_list());
    among.add(row(entry("a")));
    const auto broken = nlohmann::json::parse(among.fail(Error{Fault::corrupt, "the list is damaged"}).out);
    CHECK(broken["ok"] == false);
    CHECK(broken["exit_code"] == 13);
    CHECK(broken["error"]["code"] == "repository_damaged");
    CHECK(broken["result"]["entries"].size() == 1);

    Listing text{"ls", false};
    text.begin(head_of_list());
    text.add(row(entry("a")));
    const auto told = text.fail(Error{Fault::corrupt, "the list is damaged"});
    CHECK(told.exit_code == 13);
    CHECK(told.err == "error: the list is damaged\n");
    CHECK(told.out.find("a\n") != std::string::npos);
}

TEST_CASE("versions of a file are told with the backups that have them") {
    FoundRow found{.path = "etc/app.conf", .versions = {}};
    found.versions.push_back({.entry = entry("etc/app.conf", EntryKind::file, 0644, 2048),
                              .backups = {newer.id, BackupId{"20261122T120000Z-00000001"}, older.id}});
    found.versions.push_back({.entry = entry("etc/app.conf", EntryKind::file, 0644, 5), .backups = {older.id}});
    ListHead head;
    head.source = SourceName{"shop/uploads"};
    head.searched = 4;
    Listing listing{"find", false};
    listing.begin(head);
    listing.add(found);

    CHECK(listing.end().out ==
          "4 backups searched:\n"
          "etc/app.conf\n"
          "    2.0 KiB  2026-11-23 02:00:00Z  20261123T020000Z-1a2b3c4d to 20261122T020000Z-5e6f7a8b, 3 in all\n"
          "        5 B  2026-11-23 02:00:00Z  20261122T020000Z-5e6f7a8b\n");
}

}  // namespace
}  // namespace varve::cli::test

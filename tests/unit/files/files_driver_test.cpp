#include "files/files_driver.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

#include "support/fault_of.hpp"
#include "support/manual_clock.hpp"
#include "support/run.hpp"
#include "support/scripted_backup.hpp"
#include "support/temp_dir.hpp"

namespace varve::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// A tree, a driver that protects it, and one backup after the other.
struct Bench {
    TempDir folder;
    fs::path tree = folder / "tree";
    asio::io_context io;
    TestPools pools;
    ManualClock clock{io.get_executor()};
    std::vector<std::string> paths{tree.string()};
    std::vector<std::string> exclude;
    std::map<std::string, std::string> more;
    ScriptedBackupSink sink;
    BackupFacts facts;

    Bench() { fs::create_directory(tree); }

    std::unique_ptr<Driver> driver() {
        Settings settings;
        settings.set("paths", {paths, true, "test:1"});
        settings.set("exclude", {exclude, true, "test:2"});
        for (const auto& [key, value] : more) settings.set(key, {{value}, false, "test:3"});
        return files::make_driver(SourceName{"shop/uploads"}, settings, {pools.pools, clock, folder / "state"});
    }
    void back_up(bool read_everything = false) {
        const auto made = driver();
        facts = run(io, made->back_up({.label = "test", .read_everything = read_everything}, sink));
    }
    Restored restore(const fs::path& to, std::optional<std::string> owner = {}, std::vector<std::string> include = {}) {
        ScriptedRestoreSource source{sink.entries, facts};
        const auto made = driver();
        RestoreRequest request;
        request.to = to;
        request.owner = std::move(owner);
        request.include = std::move(include);
        return run(io, made->restore(request, source, nullptr));
    }
    std::vector<std::string> paths_kept() const {
        std::vector<std::string> all;
        for (const auto& [path, kept] : sink.entries) all.push_back(path);
        return all;
    }
    const KeptEntry& kept(const std::string& path) const { return sink.entries.at(path); }
    std::vector<std::string> findings(Finding::Level level) const {
        std::vector<std::string> all;
        for (const auto& finding : facts.findings) {
            if (finding.level == level) all.push_back(finding.what);
        }
        return all;
    }
};

struct ::stat status_of(const fs::path& path) {
    struct ::stat status{};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status;
}

void set_time(const fs::path& path, time_t seconds, long nanoseconds) {
    const timespec times[2] = {{seconds, nanoseconds}, {seconds, nanoseconds}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

/// One line for everything a tree carries: kind, mode, owner, size or target, times and names that share a file.
std::vector<std::string> description(const fs::path& root) {
    std::vector<std::string> lines;
    const auto describe = [&](const fs::path& path) {
        const auto status = status_of(path);
        std::string line = path == root ? "." : fs::relative(path, root).string();
        line += " " + std::to_string(status.st_mode) + " " + std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid) +
                " " + std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec) + " ";
        if (S_ISREG(status.st_mode)) line += read_text(path) + " " + std::to_string(status.st_nlink);
        if (S_ISLNK(status.st_mode)) line += fs::read_symlink(path).string();
        char value[100];
        const auto size = ::lgetxattr(path.c_str(), "user.note", value, sizeof value);
        if (size > 0) line += " " + std::string(value, static_cast<std::size_t>(size));
        lines.push_back(line);
    };
    describe(root);
    for (const auto& entry : fs::recursive_directory_iterator{root}) describe(entry.path());
    std::ranges::sort(lines);
    return lines;
}

TEST_CASE("a tree comes back as it was: content, links, modes, times, attributes") {
    Bench bench;
    write_text(bench.tree / "a/file", "content");
    write_text(bench.tree / "a/empty", "");
    write_text(bench.tree / "a-1", "sorts between a and its content");
    write_text(bench.tree / "odd\nname\xff", "any byte but NUL");
    fs::create_directories(bench.tree / "empty/below");
    fs::create_symlink("../elsewhere", bench.tree / "a/link");
    fs::create_symlink("/etc", bench.tree / "etc");
    fs::create_hard_link(bench.tree / "a/file", bench.tree / "z-second-name");
    REQUIRE(::mkfifo((bench.tree / "fifo").c_str(), 0620) == 0);
    REQUIRE(::chmod((bench.tree / "a/file").c_str(), 04751) == 0);
    REQUIRE(::chmod((bench.tree / "empty").c_str(), 0500) == 0);
    const bool has_attributes = ::setxattr((bench.tree / "a/file").c_str(), "user.note", "a\0b", 3, 0) == 0;
    if (!has_attributes) WARN("this filesystem has no extended attributes: they are not tested");
    if (::geteuid() == 0) REQUIRE(::lchown((bench.tree / "a/link").c_str(), 1234, 5678) == 0);
    set_time(bench.tree / "a/file", 1'700'000'000, 123'456'789);
    set_time(bench.tree / "a/link", -5, 999'999'999);
    for (const auto* path : {"a", "empty/below", "empty", "."}) set_time(bench.tree / path, 1'600'000'000, 1);

    bench.back_up();
    const auto restored = bench.restore(bench.folder / "restored");

    CHECK(bench.findings(Finding::Level::error).empty());
    CHECK(description(bench.folder / "restored") == description(bench.tree));
    CHECK(restored.bytes_written == 7 + 31 + 16);
    CHECK(restored.next_step == "The files are in " + (bench.folder / "restored").string() + ".");
}

TEST_CASE("several paths land under the target by their absolute paths, and a single file is a path too") {
    Bench bench;
    write_text(bench.folder / "one/x", "1");
    write_text(bench.folder / "two.conf", "2");
    bench.paths = {(bench.folder / "one/").string(), (bench.folder / "two.conf").string(), (bench.folder / "one/x").string()};
    bench.back_up();
    bench.restore(bench.folder / "restored");

    const auto under = (bench.folder / "restored") / bench.folder.path().relative_path();
    CHECK(read_text(under / "one/x") == "1");
    CHECK(read_text(under / "two.conf") == "2");
    CHECK(bench.sink.entries.size() == 3);
}

TEST_CASE("a single path that is a file lies at the top") {
    Bench bench;
    write_text(bench.tree / "only.conf", "x");
    bench.paths = {(bench.tree / "only.conf").string()};
    bench.back_up();
    bench.restore(bench.folder / "restored");

    CHECK(bench.paths_kept() == std::vector<std::string>{"only.conf"});
    CHECK(read_text(bench.folder / "restored/only.conf") == "x");
}

TEST_CASE("a path of the configuration may be a link, and below it no link is followed") {
    Bench bench;
    write_text(bench.folder / "outside/secret", "s");
    write_text(bench.tree / "in", "x");
    fs::create_directory_symlink(bench.folder / "outside", bench.tree / "way out");
    fs::create_directory_symlink(bench.tree, bench.folder / "link");
    bench.paths = {(bench.folder / "link").string()};
    bench.back_up();

    CHECK(bench.paths_kept() == std::vector<std::string>{".", "in", "way out"});
    CHECK(bench.kept("way out").entry.kind == EntryKind::symlink);
}

TEST_CASE("what is excluded is not looked into, sockets are skipped") {
    Bench bench;
    write_text(bench.tree / "cache/deep/x", "x");
    write_text(bench.tree / "a.tmp", "x");
    write_text(bench.tree / "kept", "x");
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const Descriptor closes{socket};
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const auto path = (bench.tree / "socket").string();
    REQUIRE(path.size() < sizeof address.sun_path);
    std::ranges::copy(path, address.sun_path);
    REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    bench.exclude = {"*.tmp", "cache/"};
    bench.back_up();

    CHECK(bench.paths_kept() == std::vector<std::string>{".", "kept"});
    CHECK(bench.facts.findings.empty());
}

TEST_CASE("max_depth ends the walk below a folder that is still listed") {
    Bench bench;
    write_text(bench.tree / "a/b/c", "x");
    bench.more["max_depth"] = "1";
    bench.back_up();

    CHECK(bench.paths_kept() == std::vector<std::string>{".", "a", "a/b"});
}

TEST_CASE("device nodes are left out and counted unless they are asked for") {
    Bench bench;
    if (::mknod((bench.tree / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) {
        WARN("skipped: this process may not make device nodes");
        return;
    }
    SECTION("left out") {
        bench.back_up();
        CHECK(bench.sink.entries.count("null") == 0);
        CHECK(bench.findings(Finding::Level::info) == std::vector<std::string>{"1 device nodes were left out"});
    }
    SECTION("asked for") {
        bench.more["devices"] = "true";
        bench.back_up();
        bench.restore(bench.folder / "restored");
        CHECK(status_of(bench.folder / "restored/null").st_rdev == makedev(1, 3));
        CHECK(S_ISCHR(status_of(bench.folder / "restored/null").st_mode));
    }
}

TEST_CASE("unchanged files are carried over, unless everything is to be read") {
    Bench bench;
    write_text(bench.tree / "old", "x");
    write_text(bench.tree / "changed", "x");
    bench.back_up();
    const auto first = bench.sink.entries;
    const auto later = SystemClock{}.now() + 1h;
    write_text(bench.tree / "changed", "y");
    write_text(bench.tree / "new", "z");
    ScriptedBackupSink second;
    second.carry_from(first, later);
    const bool read_everything = GENERATE(false, true);
    const auto driver = bench.driver();
    run(bench.io, driver->back_up({.label = "second", .read_everything = read_everything}, second));

    std::ranges::sort(second.read);
    if (read_everything) {
        CHECK(second.carried.empty());
        CHECK(second.read == std::vector<std::string>{"changed", "new", "old"});
    } else {
        CHECK(second.carried == std::vector<std::string>{"old"});
        CHECK(second.read == std::vector<std::string>{"changed", "new"});
    }
    CHECK(text_of(second.entries.at("changed").content) == "y");
    CHECK(text_of(second.entries.at("old").content) == "x");
}

TEST_CASE("a file that changes while it is read is read again") {
    Bench bench;
    write_text(bench.tree / "busy", "before");
    int reads = 0;
    bench.sink.after_read = [&](const std::string&) {
        if (++reads == 1) write_text(bench.tree / "busy", "after it");
    };
    bench.back_up();

    CHECK(reads == 2);
    CHECK(text_of(bench.kept("busy").content) == "after it");
    CHECK(bench.facts.findings.empty());
}

TEST_CASE("a file that never holds still is stored as it was read last, and named") {
    Bench bench;
    write_text(bench.tree / "busy", "");
    bench.sink.after_read = [&](const std::string& path) { std::ofstream{bench.tree / path, std::ios::app} << "more"; };
    bench.back_up();

    CHECK(bench.sink.read.size() == 3);
    CHECK(text_of(bench.kept("busy").content) == "moremore");
    REQUIRE(bench.findings(Finding::Level::warning).size() == 1);
    CHECK(bench.findings(Finding::Level::warning)[0].find("busy changed each time") != std::string::npos);
}

TEST_CASE("an entry that cannot be read is named, and everything else is there") {
    const int problem = GENERATE(EIO, EUCLEAN);  // the second is one that nobody has thought of
    Bench bench;
    write_text(bench.tree / "bad", "x");
    write_text(bench.tree / "good", "x");
    bench.sink.before_read = [&](const std::string& path) {
        if (path == "bad") throw system_error(problem, "read", bench.tree / "bad");
    };
    bench.back_up();

    CHECK(bench.paths_kept() == std::vector<std::string>{".", "good"});
    REQUIRE(bench.findings(Finding::Level::error).size() == 1);
    CHECK(bench.findings(Finding::Level::error)[0].find((bench.tree / "bad").string()) != std::string::npos);
}

TEST_CASE("a failure of the sink is no finding: it ends the backup") {
    Bench bench;
    for (int n = 0; n < 40; ++n) write_text(bench.tree / std::to_string(n), "x");
    bench.sink.before_keep = [&](const std::string& path) {
        if (path == "21") throw Error{Fault::unreachable, "the repository went away"};
    };
    const auto driver = bench.driver();

    CHECK(fault_of([&] { run(bench.io, driver->back_up({}, bench.sink)); }) == Fault::unreachable);
}

TEST_CASE("what was removed during the walk is left out without a word") {
    Bench bench;
    write_text(bench.tree / "a", "x");
    write_text(bench.tree / "b/c", "x");
    bench.sink.before_keep = [&](const std::string& path) {
        if (path == ".") fs::remove(bench.tree / "a");
        if (path == "b") fs::remove_all(bench.tree / "b");
    };
    bench.back_up();

    CHECK(bench.paths_kept() == std::vector<std::string>{".", "b"});
    CHECK(bench.facts.findings.empty());
}

TEST_CASE("one missing path makes the backup partial, only missing paths make it fail") {
    Bench bench;
    write_text(bench.tree / "x", "x");
    bench.paths = {bench.tree.string(), (bench.folder / "absent").string()};
    bench.back_up();
    CHECK(bench.findings(Finding::Level::error).size() == 1);
    CHECK(bench.sink.entries.size() == 2);

    bench.paths = {(bench.folder / "absent").string()};
    const auto driver = bench.driver();
    CHECK(fault_of([&] { run(bench.io, driver->back_up({}, bench.sink)); }) == Fault::missing);
    CHECK(run(bench.io, driver->inspect()).findings.size() == 1);
}

TEST_CASE("data directories in the tree are pointed out, and what only begins like a database is a file") {
    Bench bench;
    write_text(bench.tree / "shop.db", std::string{"SQLite format 3\0", 16} + std::string(1000, 'x'));
    write_text(bench.tree / "pg/PG_VERSION", "15\n");
    write_text(bench.tree / "pg/pg_wal/x", "x");
    write_text(bench.tree / "my/ibdata1", "x");
    write_text(bench.tree / "my/mysql.ibd", "x");
    bench.back_up();

    CHECK(bench.findings(Finding::Level::warning).size() == 2);
    CHECK(bench.sink.entries.contains("shop.db"));
    CHECK(bench.findings(Finding::Level::error).empty());
}

TEST_CASE("one damaged file is left out and named, and everything else is finished") {
    Bench bench;
    write_text(bench.tree / "a/good", "good");
    write_text(bench.tree / "a/lost", "lost");
    fs::create_hard_link(bench.tree / "a/lost", bench.tree / "second");
    fs::create_symlink("a/good", bench.tree / "link");
    fs::permissions(bench.tree / "a", fs::perms{0500});
    bench.back_up();
    ScriptedRestoreSource source{bench.sink.entries, bench.facts};
    source.damaged = {"a/lost"};
    RestoreRequest request;
    request.to = bench.folder / "out";

    try {
        run(bench.io, bench.driver()->restore(request, source, nullptr));
        FAIL("the damage was not told");
    } catch (const Error& error) {
        CHECK(error.exit_code() == 13);
        CHECK_THAT(error.sentence(), Catch::Contains("a/lost"));
        CHECK_THAT(error.remedy(), Catch::Contains("Everything else was restored"));
    }

    CHECK(read_text(request.to / "a/good") == "good");
    CHECK(fs::read_symlink(request.to / "link") == "a/good");
    CHECK_FALSE(fs::exists(request.to / "a/lost"));
    CHECK_FALSE(fs::exists(request.to / "second"));
    CHECK((fs::status(request.to / "a").permissions() & fs::perms::all) == fs::perms{0500});
}

TEST_CASE("a restore is refused before it writes when there is no room for it") {
    Bench bench;
    write_text(bench.tree / "file", "x");
    bench.back_up();
    auto entries = bench.sink.entries;
    entries.at("file").entry.size = std::uint64_t{1} << 60;
    ScriptedRestoreSource source{entries, bench.facts};
    RestoreRequest request;
    request.to = bench.folder / "out";

    CHECK_THROWS_WITH(run(bench.io, bench.driver()->restore(request, source, nullptr)), Catch::Contains("has room for"));
    CHECK_FALSE(fs::exists(request.to));
}

TEST_CASE("a restore leaves a directory with something in it alone") {
    Bench bench;
    write_text(bench.tree / "x", "new");
    bench.back_up();
    write_text(bench.folder / "used/x", "old");

    CHECK(fault_of([&] { bench.restore(bench.folder / "used"); }) == Fault::conflict);
    CHECK(read_text(bench.folder / "used/x") == "old");
    fs::create_directory(bench.folder / "empty");
    CHECK_NOTHROW(bench.restore(bench.folder / "empty"));
}

TEST_CASE("a list that leads out of the tree is refused, and nothing outside is touched") {
    Bench bench;
    write_text(bench.folder / "outside/victim", "old");
    const auto* path = GENERATE("../outside/victim", "/etc/victim", "a/../../outside/victim", "a//b", "");
    CAPTURE(path);
    Entry entry;
    entry.path = path;
    entry.mode = 0600;
    bench.sink.entries[path] = {entry, to_bytes(view_of("new"))};

    CHECK(fault_of([&] { bench.restore(bench.folder / "restored"); }) == Fault::corrupt);
    CHECK(read_text(bench.folder / "outside/victim") == "old");
}

TEST_CASE("a list with a link above a file does not lead out of the tree") {
    Bench bench;
    fs::create_directory(bench.folder / "outside");
    Entry link;
    link.path = "a";
    link.kind = EntryKind::symlink;
    link.link_target = (bench.folder / "outside").string();
    Entry file;
    file.path = "a/file";
    file.mode = 0600;
    bench.sink.entries["a"] = {link, {}};
    bench.sink.entries["a/file"] = {file, to_bytes(view_of("x"))};

    CHECK_THROWS_AS(bench.restore(bench.folder / "restored"), Error);
    CHECK(fs::is_empty(bench.folder / "outside"));
}

TEST_CASE("all files go to the owner that is asked for") {
    if (::geteuid() != 0) {
        WARN("skipped: only root can give files away");
        return;
    }
    Bench bench;
    write_text(bench.tree / "a/x", "x");
    bench.back_up();
    bench.restore(bench.folder / "restored", "nobody");

    for (const auto* path : {".", "a", "a/x"}) CHECK(status_of(bench.folder / "restored" / path).st_uid == 65534);
    CHECK(fault_of([&] { bench.restore(bench.folder / "again", "varve-no-such-user"); }) == Fault::missing);
}

/// What a restore of `include` writes, by path.
std::vector<std::string> restored_part(Bench& bench, std::vector<std::string> include) {
    const auto to = bench.folder / "part";
    fs::remove_all(to);
    bench.restore(to, {}, std::move(include));
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator{to}) paths.push_back(entry.path().lexically_relative(to).string());
    std::ranges::sort(paths);
    return paths;
}

using Paths = std::vector<std::string>;

TEST_CASE("a part of a tree comes back with the folders above it, and nothing else") {
    Bench bench;
    for (const auto* path : {"img/a.jpg", "img/b.png", "img/2026/c.jpg", "img-old/d.jpg", "notes[1].txt", "x.jpg/inner"})
        write_text(bench.tree / path, path);
    fs::create_directory(bench.tree / "img/empty");
    fs::create_symlink("a.jpg", bench.tree / "img/link");
    bench.back_up();

    CHECK(restored_part(bench, {"img/a.jpg"}) == Paths{"img", "img/a.jpg"});
    CHECK(restored_part(bench, {"/img/2026/"}) == Paths{"img", "img/2026", "img/2026/c.jpg"});
    CHECK(restored_part(bench, {"./img"}) ==
          Paths{"img", "img/2026", "img/2026/c.jpg", "img/a.jpg", "img/b.png", "img/empty", "img/link"});
    CHECK(restored_part(bench, {"*.jpg"}) ==
          Paths{"img", "img-old", "img-old/d.jpg", "img/2026", "img/2026/c.jpg", "img/a.jpg", "x.jpg", "x.jpg/inner"});
    CHECK(restored_part(bench, {"img/*.jpg", "img-old"}) == Paths{"img", "img-old", "img-old/d.jpg", "img/a.jpg"});
    CHECK(restored_part(bench, {"notes[1].txt"}) == Paths{"notes[1].txt"});
    CHECK(restored_part(bench, {"img/link"}) == Paths{"img", "img/link"});
    CHECK(restored_part(bench, {"img/empty"}) == Paths{"img", "img/empty"});
}

TEST_CASE("folders above a part come back with their modes and times") {
    Bench bench;
    write_text(bench.tree / "a/b/file", "content");
    write_text(bench.tree / "a/other", "x");
    REQUIRE(::chmod((bench.tree / "a").c_str(), 0510) == 0);
    for (const auto* path : {"a/b/file", "a/b", "a", "."}) set_time(bench.tree / path, 1'600'000'000, 1);
    bench.back_up();

    const auto restored = bench.restore(bench.folder / "restored", {}, {"a/b/file"});
    REQUIRE(::chmod((bench.tree / "a").c_str(), 0710) == 0);
    fs::remove(bench.tree / "a/other");
    for (const auto* path : {"a", "."}) set_time(bench.tree / path, 1'600'000'000, 1);
    REQUIRE(::chmod((bench.tree / "a").c_str(), 0510) == 0);

    CHECK(restored.bytes_written == 7);
    CHECK(description(bench.folder / "restored") == description(bench.tree));
}

TEST_CASE("further names of a file come back as that file, also without its first name") {
    Bench bench;
    write_text(bench.tree / "m/first", "content");
    fs::create_directory(bench.tree / "z");
    REQUIRE(::chmod((bench.tree / "m/first").c_str(), 0751) == 0);
    // On both sides of the first name in the list: the walk is in m before it is at m-1.
    for (const auto* path : {"m-1", "m-2", "z/3"}) fs::create_hard_link(bench.tree / "m/first", bench.tree / path);
    bench.back_up();
    REQUIRE(bench.kept("m-1").entry.link_target == "m/first");
    const auto restored = bench.folder / "restored";
    const auto include = GENERATE(Paths{"m-1"}, Paths{"m-1", "m-2"}, Paths{"m-2", "z"}, Paths{"m", "z"}, Paths{"z"}, Paths{"m"});
    CAPTURE(include);

    bench.restore(restored, {}, include);

    std::vector<fs::path> names;
    for (const auto& entry : fs::recursive_directory_iterator{restored})
        if (entry.is_regular_file()) names.push_back(entry.path());
    REQUIRE(names.size() == include.size());
    for (const auto& name : names) {
        CHECK(read_text(name) == "content");
        CHECK(status_of(name).st_ino == status_of(names.front()).st_ino);
        CHECK((status_of(name).st_mode & 07777) == 0751);
    }
}

TEST_CASE("a part that is nowhere in the backup is refused before anything is written") {
    Bench bench;
    write_text(bench.tree / "a/x", "x");
    bench.back_up();
    const auto include = GENERATE(Paths{"b"}, Paths{"a", "*.jpg"}, Paths{"a/x/y"}, Paths{"a/x/.."});

    try {
        bench.restore(bench.folder / "restored", {}, include);
        FAIL("it was restored");
    } catch (const Error& error) {
        CHECK(error.exit_code() == 1);
        CHECK(error.code_word() == "path_not_found");
        CHECK(error.sentence().find(include.back()) != std::string::npos);
    }
    CHECK_FALSE(fs::exists(bench.folder / "restored"));
    for (const auto* nothing : {"", "/", ".", "!a"})
        CHECK(fault_of([&] { bench.restore(bench.folder / "restored", {}, {nothing}); }) == Fault::invalid);
}

TEST_CASE("a part that is damaged is left out and named, and the rest of it is restored") {
    Bench bench;
    for (const auto* path : {"0/first", "a/x", "a/y"}) write_text(bench.tree / path, path);
    fs::create_hard_link(bench.tree / "0/first", bench.tree / "a/second");
    bench.back_up();
    const auto driver = bench.driver();
    RestoreRequest request;
    request.to = bench.folder / "restored";
    request.include = {"a"};
    REQUIRE(bench.kept("a/second").entry.link_target == "0/first");
    ScriptedRestoreSource source{bench.sink.entries, bench.facts};
    source.damaged = {"a/x", "0/first"};

    CHECK(fault_of([&] { run(bench.io, driver->restore(request, source, nullptr)); }) == Fault::corrupt);
    CHECK(read_text(bench.folder / "restored/a/y") == "a/y");
    CHECK_FALSE(fs::exists(bench.folder / "restored/a/x"));
    CHECK_FALSE(fs::exists(bench.folder / "restored/a/second"));
}

TEST_CASE("the outlook of a part tells how much of the backup it is") {
    Bench bench;
    write_text(bench.tree / "a/x", std::string(1000, 'x'));
    write_text(bench.tree / "b", std::string(100, 'x'));
    bench.back_up();
    ScriptedRestoreSource source{bench.sink.entries, bench.facts};
    RestoreRequest request;
    request.to = bench.folder / "restored";
    request.include = {"a"};

    CHECK(run(bench.io, bench.driver()->preview_restore(request, source, nullptr)).bytes == 1000);
    CHECK(bench.driver()->traits().restores_parts);
}

TEST_CASE("only a backup's own moment can be restored") {
    Bench bench;
    write_text(bench.tree / "x", "x");
    bench.back_up();
    const auto driver = bench.driver();
    const auto resolve = [&](Target target) { return run(bench.io, driver->resolve(std::move(target), bench.facts, nullptr)); };

    CHECK_NOTHROW(resolve({}));
    CHECK_NOTHROW(resolve({.kind = Target::Kind::time, .text = "then", .time = bench.facts.stop_time}));
    for (const auto& target : {Target{.kind = Target::Kind::time, .text = "before", .time = bench.facts.stop_time - 1s},
                               Target{.kind = Target::Kind::lsn, .text = "0/3000060", .time = {}}}) {
        try {
            resolve(target);
            FAIL("it was resolved");
        } catch (const Error& error) {
            CHECK(error.exit_code() == 22);
            CHECK(error.code_word() == "point_not_recoverable");
        }
    }
    CHECK(fault_of([&] { run(bench.io, driver->probe_log("x")); }) == Fault::unsupported);
    CHECK_FALSE(driver->traits().has_log);
}

TEST_CASE("a setting that makes no sense is refused with its place") {
    Bench bench;
    const auto message = [&] {
        try {
            bench.driver();
        } catch (const Error& error) {
            return std::string{error.what()};
        }
        return std::string{"it was taken"};
    };
    bench.paths = {"relative"};
    CHECK(message().find("test:1: `paths`") == 0);
    bench.paths = {};
    CHECK(message().find("`paths` is not set") == 0);
    bench.paths = {"/x"};
    bench.exclude = {"/"};
    CHECK(message().find("test:2: `exclude`") == 0);
    bench.exclude = {};
    bench.more = {{"max_depth", "deep"}};
    CHECK(message().find("test:3: `max_depth`") == 0);
    bench.more = {{"kind", "secret"}};
    CHECK(message().find("test:3: `kind`") == 0);
}

TEST_CASE("a stop during the walk ends the backup") {
    Bench bench;
    for (int n = 0; n < 300; ++n) write_text(bench.tree / ("d" + std::to_string(n % 7)) / std::to_string(n), "x");
    const auto driver = bench.driver();
    bool finished = false;
    auto body = [&](TaskGroup& group) -> Task<> {
        auto back_up = [&]() -> Task<> {
            (void)co_await driver->back_up({}, bench.sink);
            finished = true;
        };
        bench.sink.before_keep = [&](const std::string&) {
            if (bench.sink.entries.size() == 50) group.request_stop();
        };
        co_await back_up();
    };
    CHECK_NOTHROW(run(bench.io, in_group(body)));
    CHECK_FALSE(finished);
    CHECK(bench.sink.entries.size() < 300);
}

}  // namespace
}  // namespace varve::test

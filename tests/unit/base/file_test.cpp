#include "varve/file.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <atomic>
#include <optional>
#include <thread>

#include "support/temp_dir.hpp"
#include "varve/error.hpp"

namespace varve::test {
namespace {

namespace fs = std::filesystem;

template <class Fn>
Fault fault_of(Fn fn) {
    try {
        fn();
    } catch (const Error& error) {
        return error.fault();
    }
    FAIL("it did not fail");
    return Fault::defect;
}

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator{folder}) names.push_back(entry.path().filename());
    return names;
}

TEST_CASE("a local file is read by position and short only at its end") {
    const TempDir folder;
    write_text(folder / "f", "0123456789");
    const auto file = LocalFile::open(folder / "f");
    Bytes room(4);

    CHECK(file.size() == 10);
    CHECK(file.read_at(3, room) == 4);
    CHECK(text_of(room) == "3456");
    CHECK(file.read_at(8, room) == 2);
    CHECK(file.read_at(100, room) == 0);
}

TEST_CASE("only regular files come through the door, and a FIFO does not block it") {
    const TempDir folder;
    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    write_text(folder / "f", "x");
    fs::create_symlink("f", folder / "link");
    const Descriptor directory{::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

    CHECK(fault_of([&] { LocalFile::open(folder / "fifo"); }) == Fault::unsupported);
    CHECK(fault_of([&] { LocalFile::open(folder.path()); }) == Fault::unsupported);
    CHECK(fault_of([&] { LocalFile::open(folder / "absent"); }) == Fault::missing);
    CHECK(LocalFile::open(folder / "link").size() == 1);
    CHECK(fault_of([&] { LocalFile::open_at(directory.get(), "link", folder / "link"); }) == Fault::unsupported);
    CHECK(LocalFile::open_at(directory.get(), "f", folder / "f").size() == 1);
}

TEST_CASE("a file is replaced whole, with its mode, and no temporary stays") {
    const TempDir folder;
    write_text(folder / "f", "old");
    replace_file(folder / "f", view_of("new"), 0640);

    CHECK(read_text(folder / "f") == "new");
    CHECK((LocalFile::open(folder / "f").status().st_mode & 07777) == 0640);
    CHECK(names_in(folder.path()) == std::vector<std::string>{"f"});
}

TEST_CASE("a file that must be new leaves one that is there alone") {
    const TempDir folder;
    create_file(folder / "f", view_of("first"));

    CHECK(fault_of([&] { create_file(folder / "f", view_of("second")); }) == Fault::conflict);
    CHECK(read_text(folder / "f") == "first");
    CHECK(names_in(folder.path()) == std::vector<std::string>{"f"});
}

TEST_CASE("a write that the device refuses carries path and counts, and a remedy") {
    const Descriptor full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    REQUIRE(full);
    try {
        write_all(full.get(), view_of("four"), "/dev/full");
        FAIL("it was written");
    } catch (const Error& error) {
        CHECK(error.fault() == Fault::overloaded);
        CHECK(error.context().at("bytes_wanted") == "4");
        CHECK(error.context().at("bytes_written") == "0");
        CHECK(error.context().at("path") == "/dev/full");
        CHECK_FALSE(error.remedy().empty());
    }
}

TEST_CASE("a file beyond the limit is refused, an absent one is nothing or missing") {
    const TempDir folder;
    write_text(folder / "f", std::string(100, 'x'));

    CHECK(read_file(folder / "f", 100).size() == 100);
    CHECK(fault_of([&] { read_file(folder / "f", 99); }) == Fault::invalid);
    CHECK_FALSE(find_file(folder / "absent"));
    CHECK(fault_of([&] { read_file(folder / "absent"); }) == Fault::missing);
    CHECK(fault_of([&] { read_file(folder.path()); }) == Fault::invalid);
}

TEST_CASE("directories are made with all that is missing above them, once") {
    const TempDir folder;
    make_directories(folder / "a/b/c", 0750);
    make_directories(folder / "a/b/c");

    CHECK((fs::status(folder / "a/b").permissions() & fs::perms::all) == fs::perms{0750});
    write_text(folder / "file", "x");
    CHECK_THROWS_AS(make_directories(folder / "file/below"), Error);
    const HeldFilesystems held{std::vector<fs::path>{folder.path(), folder / "a"}};
    CHECK_NOTHROW(held.sync());
    CHECK(free_bytes(folder / "not/there/yet") > 0);
}

TEST_CASE("a lock is held by one at a time, names its holder, and ends with it") {
    const TempDir folder;
    auto held = FileLock::try_take(folder / "lock");
    REQUIRE(held);

    CHECK_FALSE(FileLock::try_take(folder / "lock"));
    CHECK(FileLock::holder(folder / "lock") == ::getpid());
    held.reset();
    CHECK(FileLock::try_take(folder / "lock"));
    CHECK(FileLock::holder(folder / "absent") == 0);
}

TEST_CASE("files of one inode share a descriptor, which the last of them closes", "[file]") {
    const TempDir dir;
    replace_file(dir / "f", view_of("content"));
    fs::create_hard_link(dir / "f", dir / "g");
    std::optional<LocalFile> first{LocalFile::open(dir / "f")};
    const auto number = first->descriptor();
    {
        const auto second = LocalFile::open(dir / "g");
        REQUIRE(second.descriptor() == number);
        first.reset();
        Bytes read(7);
        REQUIRE(second.read_at(0, read) == 7);
    }
    REQUIRE(::fcntl(number, F_GETFD) == -1);
    REQUIRE(LocalFile::open(dir / "f").size() == 7);
}

TEST_CASE("files opened and closed by many threads at once are all readable", "[file]") {
    const TempDir dir;
    replace_file(dir / "f", view_of("content"));
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            for (int round = 0; round < 2000; ++round) {
                const auto file = LocalFile::open(dir / "f");
                Bytes read(7);
                if (file.read_at(0, read) != 7 || text_of(read) != "content") ++wrong;
            }
        });
    for (auto& thread : threads) thread.join();
    REQUIRE(wrong == 0);
}

}  // namespace
}  // namespace varve::test

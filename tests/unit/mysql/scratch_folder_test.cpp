#include "mysql/scratch_folder.hpp"

#include <catch2/catch.hpp>
#include <optional>

#include "support/temp_dir.hpp"
#include "varve/bytes.hpp"

namespace varve::mysql {
namespace {

namespace fs = std::filesystem;

// Two restores at a time had one folder: each began by removing what the other was about to read.
TEST_CASE("two scratch folders beside each other are two, and go with what holds them", "[mysql]") {
    const test::TempDir room;
    std::optional<ScratchFolder> one{room.path()};
    create_file(one->path() / "binlog.000001", view_of("plain"));

    std::optional<ScratchFolder> other{room.path()};

    CHECK(other->path() != one->path());
    CHECK(fs::exists(one->path() / "binlog.000001"));
    CHECK((fs::status(one->path()).permissions() & fs::perms::all) == fs::perms::owner_all);
    one.reset();
    other.reset();
    CHECK(fs::is_empty(room.path()));
}

TEST_CASE("what was left behind goes when the next scratch folder is made, and nothing else does", "[mysql]") {
    const test::TempDir room;
    const auto abandoned = room.path() / "varve-scratch-abcdef";
    fs::create_directories(abandoned / "binlog");
    create_file(abandoned / "binlog" / "binlog.000001", view_of("plain"));
    fs::create_directories(room.path() / "mine");

    const ScratchFolder folder{room.path()};

    CHECK(!fs::exists(abandoned));
    CHECK(fs::exists(room.path() / "mine"));
}

}  // namespace
}  // namespace varve::mysql

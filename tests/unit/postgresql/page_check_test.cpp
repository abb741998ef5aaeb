#include "postgresql/page_check.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "support/temp_dir.hpp"

using namespace varve;
using namespace varve::postgresql;

namespace {

/// A page with content everywhere, the checksum it must have as `block`, and the LSN 0/1000.
Bytes good_page(std::uint32_t block) {
    Bytes page(page_bytes);
    for (std::size_t i = 0; i < page.size(); ++i) page[i] = static_cast<std::uint8_t>(i * 7 + i / 256 * 3 + 1);
    std::fill_n(page.begin(), 8, std::uint8_t{0});
    page[5] = 0x10;
    const auto sum = page_checksum(page, block);
    page[8] = static_cast<std::uint8_t>(sum & 0xFF);
    page[9] = static_cast<std::uint8_t>(sum >> 8);
    return page;
}

Bytes three_pages(std::uint32_t first) {
    Bytes file;
    for (std::uint32_t i = 0; i < 3; ++i) append(file, good_page(first + i));
    return file;
}

LocalFile stored(const std::filesystem::path& path, const Bytes& content) {
    std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(content.data()),
                                                static_cast<std::streamsize>(content.size()));
    return LocalFile::open(path);
}

}  // namespace

TEST_CASE("a page's checksum is the one PostgreSQL computes", "[postgresql]") {
    Bytes page(page_bytes);
    for (std::size_t i = 0; i < page.size(); ++i) page[i] = static_cast<std::uint8_t>(i * 7 + i / 256 * 3 + 1);

    CHECK(page_checksum(page, 0) == 58163);
    CHECK(page_checksum(page, 131077) == 58160);
    page[8] ^= 0xFF;  // the checksum itself does not count
    CHECK(page_checksum(page, 0) == 58163);
}

TEST_CASE("good pages, empty pages and the torn end of a growing file are not suspicious", "[postgresql]") {
    auto file = three_pages(7);
    file.resize(file.size() + page_bytes + 100);
    PageCheck check{7};

    check.look(0, file);

    CHECK_FALSE(check.suspicious());
}

TEST_CASE("a page with one wrong bit is named by its number in the file", "[postgresql]") {
    auto content = three_pages(131072);
    content[page_bytes + 5000] ^= 4;
    test::TempDir folder;
    const auto file = stored(folder.path() / "16384.1", content);
    PageCheck check{131072};

    check.look(0, content);
    const auto failing = check.confirm(file);

    REQUIRE(failing.size() == 1);
    CHECK(failing[0].block == 1);
    CHECK(failing[0].lsn == 0x1000);
}

TEST_CASE("a page that was read while the server wrote it is good when it is read again", "[postgresql]") {
    const auto content = three_pages(0);
    test::TempDir folder;
    const auto file = stored(folder.path() / "16384", content);
    auto torn = content;
    torn[2 * page_bytes + 4096] ^= 1;
    PageCheck check{0};

    check.look(0, torn);

    CHECK(check.suspicious());
    CHECK(check.confirm(file).empty());
}

TEST_CASE("a page that belongs to another block is bad", "[postgresql]") {
    PageCheck check{0};

    check.look(4u << 20, good_page(511));

    CHECK(check.suspicious());
}

TEST_CASE("file names of relations are told from all others", "[postgresql]") {
    struct Row {
        std::string_view name;
        bool relation;
        std::string_view number, fork;
        std::uint32_t segment;
    };
    const auto row = GENERATE(values<Row>({{"16384", true, "16384", "", 0},
                                           {"16384.12", true, "16384", "", 12},
                                           {"16384_fsm", true, "16384", "fsm", 0},
                                           {"16384_vm.3", true, "16384", "vm", 3},
                                           {"16384_init", true, "16384", "init", 0},
                                           {"16384.", false, "", "", 0},
                                           {"16384_other", false, "", "", 0},
                                           {"16384.1x", false, "", "", 0},
                                           {"t3_16384", false, "", "", 0},
                                           {"pg_filenode.map", false, "", "", 0},
                                           {"PG_VERSION", false, "", "", 0}}));
    CAPTURE(row.name);

    const auto found = find_relation_file(row.name);

    REQUIRE(found.has_value() == row.relation);
    if (!found) return;
    CHECK(found->relation == row.number);
    CHECK(found->fork == row.fork);
    CHECK(found->segment == row.segment);
}

TEST_CASE("file names of temporary relations are told from all others", "[postgresql]") {
    CHECK(is_temporary_relation("t3_16384"));
    CHECK(is_temporary_relation("t12_16384_fsm"));
    CHECK(is_temporary_relation("t3_16384.1"));
    CHECK_FALSE(is_temporary_relation("16384"));
    CHECK_FALSE(is_temporary_relation("t_16384"));
    CHECK_FALSE(is_temporary_relation("t3_x"));
}

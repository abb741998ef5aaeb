#include "mysql/logical_text.hpp"

#include <catch2/catch.hpp>

#include "support/fault_of.hpp"

namespace varve::mysql {
namespace {

using namespace std::string_literals;

std::string line_of(const std::vector<std::optional<std::string>>& fields) {
    RowText rows;
    for (const auto& field : fields) rows.add_field(field ? std::optional<std::string_view>{*field} : std::nullopt);
    rows.end_row();
    return std::string{text_of(rows.take())};
}

TEST_CASE("fields stand between tabs and rows between line ends") {
    CHECK(line_of({"1", "two", ""}) == "1\ttwo\t\n");
    CHECK(line_of({std::nullopt, "N", std::nullopt}) == "\\N\tN\t\\N\n");
}

TEST_CASE("what would end a field or a row is escaped, wherever it stands") {
    const auto [byte, escaped] = GENERATE(table<std::string, std::string>(
        {{"\t"s, "\\t"s}, {"\n"s, "\\n"s}, {"\\"s, "\\\\"s}, {"\0"s, "\\0"s}, {"\r"s, "\r"s}, {"\xff"s, "\xff"s}}));
    for (std::size_t at = 0; at < 40; ++at) {
        CAPTURE(at);
        const std::string before(at, 'a'), behind(39 - at, 'b');

        CHECK(line_of({before + byte + behind}) == before + escaped + behind + "\n");
    }
}

TEST_CASE("a field of nothing but escapes fits") { CHECK(line_of({std::string(1000, '\\')}) == std::string(2000, '\\') + "\n"); }

TEST_CASE("rows that were taken are not given again") {
    RowText rows;
    rows.add_field("a");
    rows.end_row();
    CHECK(text_of(rows.take()) == "a\n");
    CHECK(rows.size() == 0);
    rows.add_field("b");
    rows.end_row();
    CHECK(text_of(rows.take()) == "b\n");
}

TEST_CASE("rows become the values of an INSERT that mean the same") {
    const auto text = line_of({"it's", "a\tb\\", std::nullopt}) + line_of({"", "0", "FF"});

    CHECK(insert_values(text, {"%", "%", "UNHEX(%)"}) ==
          "(_binary'it\\'s',_binary'a\\tb\\\\',NULL),(_binary'',_binary'0',UNHEX(_binary'FF'))");
}

TEST_CASE("rows with too few fields, or cut off, are not loaded") {
    CHECK(fault_of([] { insert_values("a\n", {"%", "%"}); }) == Fault::corrupt);
    CHECK(fault_of([] { insert_values("a\tb", {"%", "%"}); }) == Fault::corrupt);
}

}  // namespace
}  // namespace varve::mysql

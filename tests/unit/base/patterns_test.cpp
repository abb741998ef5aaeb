#include "varve/patterns.hpp"

#include <catch2/catch.hpp>

#include "varve/error.hpp"

namespace varve {
namespace {

struct Row {
    std::vector<std::string> lines;
    std::string path;
    bool is_folder;
    bool matched;
};

TEST_CASE("a pattern matches what a .gitignore of that line would") {
    const auto row = GENERATE(values<Row>({
        {{"*.tmp"}, "a.tmp", false, true},
        {{"*.tmp"}, "deep/below/a.tmp", false, true},
        {{"*.tmp"}, "a.tmp.gz", false, false},
        {{"cache/"}, "cache", true, true},
        {{"cache/"}, "deep/cache", true, true},
        {{"cache/"}, "cache", false, false},
        {{"/cache"}, "cache", true, true},
        {{"/cache"}, "deep/cache", true, false},
        {{"var/*.log"}, "var/a.log", false, true},
        {{"var/*.log"}, "var/deep/a.log", false, false},
        {{"var/*.log"}, "x/var/a.log", false, false},
        {{"var/**/*.log"}, "var/a.log", false, true},
        {{"var/**/*.log"}, "var/x/y/a.log", false, true},
        {{"**/secret"}, "secret", false, true},
        {{"**/secret"}, "a/b/secret", false, true},
        {{"logs/**"}, "logs/a/b", false, true},
        {{"logs/**"}, "logs", true, false},
        {{"?.txt"}, "a.txt", false, true},
        {{"?.txt"}, "ab.txt", false, false},
        {{"[a-c]x"}, "bx", false, true},
        {{"[a-c]x"}, "dx", false, false},
        {{"[!a-c]x"}, "dx", false, true},
        {{"[]]x"}, "]x", false, true},
        {{"a[b"}, "a[b", false, true},
        {{"\\*"}, "*", false, true},
        {{"\\*"}, "a", false, false},
        {{"*.tmp", "!keep.tmp"}, "keep.tmp", false, false},
        {{"!keep.tmp", "*.tmp"}, "keep.tmp", false, true},
        {{"a*b*c"}, "aXbXbXc", false, true},
        {{"a*b*c"}, "aXbXbX", false, false},
        {{}, "anything", false, false},
    }));
    CAPTURE(row.lines, row.path);
    CHECK(Patterns{row.lines}.match(row.path, row.is_folder) == row.matched);
}

TEST_CASE("a line that can match nothing is refused") {
    const auto* line = GENERATE("", "/", "!", "!/");
    CHECK_THROWS_AS(Patterns{{line}}, Error);
}

}  // namespace
}  // namespace varve

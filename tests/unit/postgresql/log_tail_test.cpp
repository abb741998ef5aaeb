#include "postgresql/log_tail.hpp"

#include <catch2/catch.hpp>

#include "postgresql/wal_layout.hpp"
#include "support/temp_dir.hpp"
#include "varve/check.hpp"
#include "varve/file.hpp"

using namespace varve;
using namespace varve::postgresql;

namespace {

Bytes some_bytes(Lsn from, std::size_t count) {
    Bytes bytes;
    for (std::size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>((from + i) * 7 >> 3));
    return bytes;
}

}  // namespace

TEST_CASE("the end of a log is told by the bytes of its page, however they came") {
    const Lsn begin = 3 * wal_page_bytes + 100;
    const auto all = some_bytes(begin, 3 * wal_page_bytes);
    const auto expected = [&](Lsn at) {
        const auto from = page_start(at - 1);
        return to_hex(sha256(ByteView{all}.subspan(from - begin, at - from)));
    };
    const auto step = GENERATE(100U, 8192U, 20'000U);
    LogTail tail;
    for (std::size_t at = 0; at < all.size(); at += step) {
        const auto part = ByteView{all}.subspan(at, std::min<std::size_t>(step, all.size() - at));
        tail.feed(begin + at, part);
        const auto end = begin + at + part.size();
        if (page_start(end - 1) >= begin) CHECK(tail.find_digest(end) == expected(end));
    }

    CHECK_FALSE(tail.find_digest(begin + all.size() + 1));
    CHECK_FALSE(tail.find_digest(begin + 10));  // its page began before what was seen

    tail.feed(100 * wal_page_bytes, all);  // elsewhere
    CHECK_FALSE(tail.find_digest(begin + all.size()));
}

TEST_CASE("a mark comes back as it was kept, and a torn one is none") {
    const test::TempDir dir;
    const auto file = dir.path() / "state" / "followed-tail";
    CHECK_FALSE(find_tail_mark(file));
    keep_tail_mark(file, {.lineage = LineageName{"73:1"}, .at = 0x1A000028, .digest = "ab12"});

    const auto mark = find_tail_mark(file);
    REQUIRE(mark);
    CHECK(mark->lineage.text() == "73:1");
    CHECK(mark->at == 0x1A000028);
    CHECK(mark->digest == "ab12");

    replace_file(file, view_of("73:1 0/1A"));
    CHECK_FALSE(find_tail_mark(file));
}

#include "format/format.hpp"

#include <catch2/catch.hpp>

#include "support/fault_of.hpp"

using namespace varve;

TEST_CASE("an entry keeps every field on its way through the list, and bytes that are no UTF-8") {
    const Entry entry{.path = "a/\xFF\x80",
                      .kind = EntryKind::symlink,
                      .size = 1ull << 40,
                      .mode = 0640,
                      .uid = 1,
                      .gid = 2,
                      .user = "us\xE9r",
                      .group = "gr\xFCppe",
                      .mtime_ns = -5,
                      .ctime_ns = 1700000000123456789,
                      .device = 3,
                      .inode = 4,
                      .link_target = "\xC3(",
                      .attributes = {{"user.\xFE", std::string{"\0\x01", 2}}, {"user.b", ""}},
                      .ordinal = 7};
    format::FileEntry message, again;

    to_format(entry, message);
    REQUIRE(again.ParseFromString(message.SerializeAsString()));
    const auto read = from_format(again);

    CHECK(read.path == entry.path);
    CHECK(read.kind == entry.kind);
    CHECK(read.size == entry.size);
    CHECK(std::tuple{read.mode, read.uid, read.gid} == std::tuple{entry.mode, entry.uid, entry.gid});
    CHECK(std::tuple{read.user, read.group, read.link_target} == std::tuple{entry.user, entry.group, entry.link_target});
    CHECK(std::tuple{read.mtime_ns, read.ctime_ns, read.device, read.inode} ==
          std::tuple{entry.mtime_ns, entry.ctime_ns, entry.device, entry.inode});
    CHECK(read.attributes == entry.attributes);
}

TEST_CASE("an entry of a kind this build does not know is refused") {
    const auto kind = GENERATE(0u, 8u, 257u);
    format::FileEntry message;
    message.set_kind(kind);

    CHECK(fault_of([&] { from_format(message); }) == Fault::unsupported);
}

TEST_CASE("a lineage keeps its parent and its facts") {
    const LogPosition fork{.lineage = LineageName{"7/1"}, .at = 42, .text = "0/2A"};
    const auto parent = GENERATE_COPY(std::optional<LogPosition>{}, std::optional{fork});
    const Lineage lineage{
        .name = LineageName{"7/2"}, .begins_at = 40, .parent = parent, .facts = {{"history", "1\t0/2A\tno \xE9"}}};
    format::LineageFacts message, again;

    to_format(lineage, message);
    REQUIRE(again.ParseFromString(message.SerializeAsString()));
    const auto read = from_format(again);

    CHECK(read.name == lineage.name);
    CHECK(read.begins_at == lineage.begins_at);
    CHECK(read.parent == lineage.parent);
    CHECK(read.facts == lineage.facts);
}

TEST_CASE("times are microseconds since 1970") {
    const auto time = from_rfc3339("2026-11-23T02:00:00.123456Z");

    CHECK(to_format(time) == 1795399200123456);
    CHECK(from_format(to_format(time)) == time);
}

#include "postgresql/tar_reader.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <map>

#include "varve/error.hpp"

using namespace varve;
using namespace varve::postgresql;

namespace {

void put(Bytes& block, std::size_t offset, std::string_view text) {
    std::ranges::copy(text, block.begin() + static_cast<long>(offset));
}

std::string octal(std::uint64_t value, int digits) {
    char text[24];
    std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(value));
    return text;
}

void set_sum(Bytes& block) {
    put(block, 148, "        ");
    unsigned sum = 0;
    for (const auto byte : block) sum += byte;
    put(block, 148, octal(sum, 6));
    block[154] = 0;
}

/// A header as PostgreSQL's tarCreateHeader makes it.
Bytes header(std::string_view name, char kind, std::uint64_t size, std::string_view link = {}) {
    Bytes block(512);
    put(block, 0, name);
    put(block, 100, "0000600");
    put(block, 108, "0000146");
    put(block, 116, "0000147");
    put(block, 124, octal(size, 11));
    put(block, 136, octal(1700000000, 11));
    block[156] = static_cast<std::uint8_t>(kind);
    put(block, 157, link);
    put(block, 257, std::string_view{"ustar\00000", 8});
    set_sum(block);
    return block;
}

Bytes with_content(std::string_view name, const std::string& content) {
    auto bytes = header(name, '0', content.size());
    append(bytes, view_of(content));
    bytes.resize((bytes.size() + 511) / 512 * 512);
    return bytes;
}

struct Read {
    std::map<std::string, std::string> files;
    std::map<std::string, TarMember> members;
    bool whole = false;
};

Read read_in_cuts(const Bytes& tar, std::size_t cut) {
    Read read;
    TarReader reader;
    std::string name;
    for (std::size_t at = 0; at < tar.size(); at += cut) {
        reader.feed(ByteView{tar}.subspan(at, std::min(cut, tar.size() - at)));
        while (auto event = reader.next()) {
            if (event->kind == TarEvent::Kind::member) {
                name = event->member.name;
                read.members[name] = event->member;
                if (event->member.kind == TarMember::Kind::file) read.files[name] = "";
            } else if (event->kind == TarEvent::Kind::content) {
                read.files[name] += text_of(event->content);
            }
        }
    }
    read.whole = reader.at_end();
    return read;
}

}  // namespace

TEST_CASE("a tar is read the same however its bytes are cut", "[postgresql]") {
    Bytes tar = header("base/", '5', 0);
    append(tar, with_content("base/5/1259", std::string(1500, 'x')));
    append(tar, with_content("base/5/empty", ""));
    append(tar, header("pg_tblspc/16384", '2', 0, "/mnt/fast"));
    append(tar, with_content("base/5/whole", std::string(1024, 'y')));
    tar.resize(tar.size() + 1024);
    const auto cut = GENERATE(std::size_t{1}, 7, 511, 512, 513, 4096, 1u << 20);
    CAPTURE(cut);

    const auto read = read_in_cuts(tar, cut);

    CHECK(read.whole);
    CHECK(read.files.at("base/5/1259") == std::string(1500, 'x'));
    CHECK(read.files.at("base/5/empty").empty());
    CHECK(read.files.at("base/5/whole") == std::string(1024, 'y'));
    CHECK(read.members.at("base").kind == TarMember::Kind::directory);
    CHECK(read.members.at("pg_tblspc/16384").link_target == "/mnt/fast");
    CHECK(read.members.at("base/5/1259").mode == 0600);
    CHECK(read.members.at("base/5/1259").uid == 102);
    CHECK(read.members.at("base/5/1259").mtime_seconds == 1700000000);
}

TEST_CASE("a tar that ends within a file is not whole", "[postgresql]") {
    auto tar = with_content("base/5/1259", std::string(1500, 'x'));
    tar.resize(1024);

    CHECK_FALSE(read_in_cuts(tar, 512).whole);
}

TEST_CASE("a member of eight gigabytes and more has its size in binary", "[postgresql]") {
    auto block = header("base/5/huge", '0', 0);
    constexpr std::uint64_t size = 0x3'0000'0200;
    std::fill_n(block.begin() + 124, 12, std::uint8_t{0});
    block[124] = 0x80;
    for (int i = 0; i < 8; ++i) block[static_cast<std::size_t>(135 - i)] = static_cast<std::uint8_t>(size >> (8 * i));
    set_sum(block);
    TarReader reader;

    reader.feed(block);
    const auto event = reader.next();

    REQUIRE(event);
    CHECK(event->member.size == size);
}

TEST_CASE("a damaged header is corrupt, and an unknown kind is refused", "[postgresql]") {
    auto damaged = header("base/5/1259", '0', 0);
    damaged[3] ^= 1;
    TarReader reader;
    reader.feed(damaged);
    CHECK_THROWS_AS(reader.next(), Error);

    TarReader other;
    other.feed(header("x", '3', 0));
    CHECK_THROWS_AS(other.next(), Error);
}

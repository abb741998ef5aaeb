#include "mysql/xbstream.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "support/fault_of.hpp"
#include "varve/error.hpp"

namespace varve::mysql {
namespace {

void put_number(Bytes& into, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) into.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

struct Stream {
    Bytes bytes;

    Stream& head(char kind, const std::string& path, std::uint8_t flags = 0) {
        append(bytes, view_of("XBSTCK01"));
        bytes.push_back(flags);
        bytes.push_back(static_cast<std::uint8_t>(kind));
        put_number(bytes, path.size(), 4);
        append(bytes, view_of(path));
        return *this;
    }
    Stream& content(const std::string& path, std::uint64_t offset, ByteView content) {
        head('P', path);
        put_number(bytes, content.size(), 8);
        put_number(bytes, offset, 8);
        put_number(bytes, 0, 4);
        append(bytes, content);
        return *this;
    }
    Stream& end(const std::string& path) { return head('E', path); }
};

struct Read {
    std::map<std::string, Bytes> files;
    std::vector<std::string> ended;
    std::vector<std::size_t> blocks;
};

Read read_all(const Bytes& stream) {
    std::size_t at = 0;
    XbstreamReader reader{[&](std::span<std::uint8_t> into) {
        const auto count = std::min(into.size(), stream.size() - at);
        std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), count, into.begin());
        at += count;
        return count;
    }};
    Read read;
    while (auto event = reader.next()) {
        if (event->kind == XbstreamEvent::Kind::end_of_file) {
            read.ended.push_back(event->path);
            continue;
        }
        append(read.files[event->path], event->content);
        read.blocks.push_back(event->content.size());
    }
    return read;
}

TEST_CASE("files whose pieces come in turn are told apart") {
    Stream stream;
    stream.content("a.ibd", 0, view_of("one")).content("./b/c.ibd", 0, view_of("other")).content("a.ibd", 3, view_of("two"));
    stream.end("a.ibd").end("./b/c.ibd");

    const auto read = read_all(stream.bytes);

    CHECK(text_of(read.files.at("a.ibd")) == "onetwo");
    CHECK(text_of(read.files.at("b/c.ibd")) == "other");
    CHECK(read.ended == std::vector<std::string>{"a.ibd", "b/c.ibd"});
}

TEST_CASE("a file without content is told of") {
    Stream stream;
    stream.content("empty", 0, {}).end("empty").end("never-begun");

    const auto read = read_all(stream.bytes);

    CHECK(read.files.at("empty").empty());
    CHECK(read.ended.size() == 2);
}

TEST_CASE("content comes in blocks that end at multiples of four mebibytes of the file") {
    constexpr std::size_t mib = 1U << 20;
    const Bytes ten(10 * mib, 7);
    Stream stream;
    stream.content("a", 0, ten).content("a", ten.size(), ten).end("a");

    const auto read = read_all(stream.bytes);

    CHECK(read.blocks == std::vector<std::size_t>{4 * mib, 4 * mib, 2 * mib, 2 * mib, 4 * mib, 4 * mib});
}

TEST_CASE("a stream that was cut anywhere is not whole") {
    Stream stream;
    stream.content("a", 0, view_of("content")).end("a");
    const auto whole = stream.bytes.size();

    for (std::size_t size = 1; size < whole; ++size) {
        CAPTURE(size);
        CHECK_THROWS_AS(read_all(to_bytes(ByteView{stream.bytes}.first(size))), Error);
    }
    CHECK_NOTHROW(read_all(stream.bytes));
}

TEST_CASE("a piece that does not go on where its file stopped is refused") {
    Stream stream;
    stream.content("a", 0, view_of("one")).content("a", 5, view_of("two"));

    CHECK(fault_of([&] { read_all(stream.bytes); }) == Fault::corrupt);
}

TEST_CASE("a path that leads out of the backup is refused") {
    const auto path = GENERATE("../up", "/etc/passwd", "a/../../b", "a//b", "");
    Stream stream;
    stream.content(path, 0, view_of("x"));

    CHECK(fault_of([&] { read_all(stream.bytes); }) == Fault::corrupt);
}

TEST_CASE("an unknown kind of piece is refused, unless it says that it may be passed over") {
    Stream strict;
    strict.head('S', "a");
    CHECK(fault_of([&] { read_all(strict.bytes); }) == Fault::unsupported);

    Stream lenient;
    lenient.head('X', "a", 1).content("b", 0, view_of("x")).end("b");
    CHECK(read_all(lenient.bytes).files.size() == 1);
}

}  // namespace
}  // namespace varve::mysql

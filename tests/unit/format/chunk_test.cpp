#include "format/chunk.hpp"

#include <catch2/catch.hpp>

#include "support/fault_of.hpp"

using namespace varve;

TEST_CASE("a chunk entry is 48 bytes: id, pack, offset, length") {
    ChunkEntry entry{.id = {}, .pack = {1, 2, 3, 4, 5, 6, 7, 8}, .offset = 0x01020304, .sealed_length = 0xA0B0C0D0};
    entry.id.fill(0xEE);
    Bytes bytes;

    append_chunk_entry(bytes, entry);

    std::string id;
    for (int i = 0; i < 32; ++i) id += "ee";
    CHECK(to_hex(bytes) == id + "0102030405060708"
                                "01020304"
                                "a0b0c0d0");
    const auto read = parse_chunk_entry(bytes);
    CHECK(read.id == entry.id);
    CHECK(read.pack == entry.pack);
    CHECK(read.offset == entry.offset);
    CHECK(read.sealed_length == entry.sealed_length);
    CHECK(fault_of([&] { parse_chunk_entry(ByteView{bytes}.first(47)); }) == Fault::corrupt);
}

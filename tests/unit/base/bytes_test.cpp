#include "varve/bytes.hpp"

#include <catch2/catch.hpp>

#include "varve/check.hpp"
#include "varve/error.hpp"

namespace varve::test {
namespace {

TEST_CASE("hexadecimal text and bytes are each other's inverse") {
    const Bytes bytes{0x00, 0x1f, 0xa0, 0xff};
    CHECK(to_hex(ByteView{bytes}) == "001fa0ff");
    CHECK(from_hex("001fA0fF") == bytes);
    CHECK(from_hex("").empty());
    CHECK_THROWS_AS(from_hex("abc"), Error);
    CHECK_THROWS_AS(from_hex("0g"), Error);
}

TEST_CASE("SHA-256 and HMAC-SHA-256 give the published values") {
    CHECK(to_hex(sha256(view_of("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    // RFC 4231, test case 2.
    CHECK(to_hex(hmac_sha256(view_of("Jefe"), view_of("what do ya want for nothing?"))) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("SHA-256 of a stream is that of the whole") {
    Sha256 stream;
    stream.add(view_of("a"));
    stream.add({});
    stream.add(view_of("bc"));
    CHECK(stream.finish() == sha256(view_of("abc")));
}

TEST_CASE("CRC-32C gives the published values, whole and in parts of any length") {
    CHECK(crc32c(view_of("123456789")) == 0xe3069283);
    CHECK(crc32c(Bytes(32)) == 0x8a9136aa);  // RFC 3720, B.4
    Bytes bytes(1000);
    for (std::size_t n = 0; n < bytes.size(); ++n) bytes[n] = static_cast<std::uint8_t>(n * 7);
    const auto whole = crc32c(bytes);
    for (std::size_t cut = 0; cut <= bytes.size(); cut += 37) {
        const auto first = crc32c(ByteView{bytes}.first(cut));
        CHECK(crc32c(ByteView{bytes}.subspan(cut), first) == whole);
    }
}

}  // namespace
}  // namespace varve::test

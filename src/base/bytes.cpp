#include "varve/bytes.hpp"

#include "varve/error.hpp"

namespace varve {
namespace {

std::uint8_t digit_of(char character) {
    if (character >= '0' && character <= '9') return static_cast<std::uint8_t>(character - '0');
    if (character >= 'a' && character <= 'f') return static_cast<std::uint8_t>(character - 'a' + 10);
    if (character >= 'A' && character <= 'F') return static_cast<std::uint8_t>(character - 'A' + 10);
    throw Error{Fault::invalid, "not a hexadecimal digit"};
}

}  // namespace

std::string to_hex(ByteView bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

Bytes from_hex(std::string_view text) {
    if (text.size() % 2 != 0) throw Error{Fault::invalid, "hexadecimal text of odd length"};
    Bytes bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t at = 0; at < text.size(); at += 2) {
        bytes.push_back(static_cast<std::uint8_t>(digit_of(text[at]) << 4 | digit_of(text[at + 1])));
    }
    return bytes;
}

}  // namespace varve

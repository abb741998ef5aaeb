/// Owned and borrowed runs of bytes, and their text forms.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

using Bytes = std::vector<std::uint8_t>;
/// Borrowed: valid only while the owner lives and does not grow. Never kept across an await unless the contract says so.
using ByteView = std::span<const std::uint8_t>;

inline ByteView view_of(std::string_view text) noexcept {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) noexcept { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }
inline void append(Bytes& into, ByteView more) { into.insert(into.end(), more.begin(), more.end()); }

/// Lower-case hexadecimal, two characters a byte.
std::string to_hex(ByteView bytes);
/// The bytes of lower- or upper-case hexadecimal text. Fault::invalid on any other character or an odd length.
Bytes from_hex(std::string_view text);

}  // namespace varve

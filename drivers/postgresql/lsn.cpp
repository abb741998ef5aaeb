#include "postgresql/lsn.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cinttypes>
#include <cstdio>

#include "varve/error.hpp"

namespace varve::postgresql {

namespace {

bool read_half(std::string_view text, std::uint32_t& half) {
    if (text.empty() || text.size() > 8) return false;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), half, 16);
    return problem == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string to_text(Lsn lsn) {
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "%" PRIX64 "/%" PRIX64, lsn >> 32, lsn & 0xffffffffu);
    return text.data();
}

Lsn parse_lsn(std::string_view text) {
    const auto slash = text.find('/');
    std::uint32_t high = 0, low = 0;
    if (slash == std::string_view::npos || !read_half(text.substr(0, slash), high) || !read_half(text.substr(slash + 1), low))
        throw Error{Fault::invalid, "\"" + std::string{text} + "\" is no log position"}.hint(
            "Write it as the server does: 0/3000060.");
    return Lsn{high} << 32 | low;
}

bool is_segment_size(std::uint64_t bytes) noexcept {
    return bytes >= segment_bytes_min && bytes <= segment_bytes_max && std::has_single_bit(bytes);
}

std::uint64_t parse_segment_size(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit{end, text.data() + text.size()};
    const unsigned shift = unit == "kB" ? 10 : unit == "MB" ? 20 : unit == "GB" ? 30 : 0;
    const auto bytes = number << shift;
    if (problem != std::errc{} || number > segment_bytes_max || (shift == 0 && !unit.empty()) || !is_segment_size(bytes))
        throw Error{Fault::invalid, "\"" + std::string{text} + "\" is no size of a WAL segment"};
    return bytes;
}

std::string segment_name(std::uint32_t timeline, Lsn lsn, std::uint64_t segment_bytes) {
    const auto number = lsn / segment_bytes;
    const auto in_each = (std::uint64_t{1} << 32) / segment_bytes;
    std::array<char, 64> name{};
    std::snprintf(name.data(), name.size(), "%08" PRIX32 "%08" PRIX64 "%08" PRIX64, timeline, number / in_each, number % in_each);
    return name.data();
}

std::string history_name(std::uint32_t timeline) {
    std::array<char, 32> name{};
    std::snprintf(name.data(), name.size(), "%08" PRIX32 ".history", timeline);
    return name.data();
}

}  // namespace varve::postgresql

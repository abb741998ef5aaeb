#include "postgresql/wal_names.hpp"

#include <algorithm>
#include <charconv>

namespace varve::postgresql {

namespace {

constexpr std::size_t part_characters = 8, segment_characters = 24;

/// Eight upper-case hexadecimal digits: the server writes no others.
std::optional<std::uint32_t> find_part(std::string_view name, std::size_t offset) {
    if (name.size() < offset + part_characters) return std::nullopt;
    const auto part = name.substr(offset, part_characters);
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
    if (!std::ranges::all_of(part, is_digit)) return std::nullopt;
    std::uint32_t number = 0;
    std::from_chars(part.data(), part.data() + part.size(), number, 16);
    return number;
}

std::optional<WalFileName::Kind> find_kind(std::string_view suffix) {
    using Kind = WalFileName::Kind;
    if (suffix.empty()) return Kind::segment;
    if (suffix == ".partial") return Kind::partial;
    // .00000028.backup: where in the segment the backup began
    if (suffix.size() == 16 && suffix.front() == '.' && find_part(suffix, 1) && suffix.ends_with(".backup")) return Kind::backup;
    return std::nullopt;
}

}  // namespace

std::optional<WalFileName> find_wal_name(std::string_view name, std::uint64_t segment_bytes) {
    const auto timeline = find_part(name, 0);
    if (!timeline || *timeline == 0) return std::nullopt;
    if (name.substr(part_characters) == ".history") return WalFileName{WalFileName::Kind::history, *timeline, 0, 0};
    const auto high = find_part(name, part_characters), low = find_part(name, 2 * part_characters);
    if (!high || !low || *low >= (std::uint64_t{1} << 32) / segment_bytes) return std::nullopt;
    const auto kind = find_kind(name.substr(segment_characters));
    if (!kind) return std::nullopt;
    const auto from = (Lsn{*high} << 32) + Lsn{*low} * segment_bytes;
    return WalFileName{*kind, *timeline, from, from + segment_bytes};
}

}  // namespace varve::postgresql

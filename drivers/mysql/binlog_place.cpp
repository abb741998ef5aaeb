#include "mysql/binlog_place.hpp"

#include <algorithm>
#include <charconv>

#include "varve/error.hpp"

namespace varve::mysql {

namespace {

std::optional<std::uint64_t> find_number(std::string_view digits) {
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (problem != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

std::string_view base_of(std::string_view name) { return name.substr(0, name.rfind('.')); }

}  // namespace

std::string to_text(const BinlogPlace& place) { return place.file + ":" + std::to_string(place.offset); }

std::optional<BinlogPlace> find_place(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    const auto offset = find_number(text.substr(colon + 1));
    if (!offset) return std::nullopt;
    return BinlogPlace{std::string{text.substr(0, colon)}, *offset};
}

std::optional<std::uint64_t> find_number_of(std::string_view name) {
    const auto dot = name.rfind('.');
    if (dot == std::string_view::npos) return std::nullopt;
    return find_number(name.substr(dot + 1));
}

bool follows(std::string_view name, std::string_view next) {
    const auto number = find_number_of(name), after = find_number_of(next);
    return number && after && base_of(name) == base_of(next) && *after == *number + 1;
}

std::optional<std::strong_ordering> order_of(const BinlogPlace& a, const BinlogPlace& b) {
    const auto first = find_number_of(a.file), second = find_number_of(b.file);
    if (!first || !second || base_of(a.file) != base_of(b.file)) return std::nullopt;
    return std::pair{*first, a.offset} <=> std::pair{*second, b.offset};
}

std::string name_after(std::string_view name) {
    constexpr std::size_t digits_least = 6;
    const auto number = find_number_of(name);
    if (!number) throw Error{Fault::corrupt, std::string{name} + " has no number in its name"};
    const auto base = base_of(name);
    auto digits = std::to_string(*number + 1);
    const auto width = std::max(name.size() - base.size() - 1, digits_least);
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    return std::string{base} + "." + digits;
}

}  // namespace varve::mysql

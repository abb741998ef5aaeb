#include "cli/format_text.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>

namespace varve::cli {
namespace {

std::string with_one_digit(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

/// Letters, not bytes: names may be UTF-8.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// How many bytes the UTF-8 letter at the front has; 0 when there is none.
std::size_t letter_bytes(std::string_view text) {
    const auto byte_at = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const auto first = byte_at(0);
    const std::size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length > text.size()) return 0;
    for (std::size_t at = 1; at < length; ++at)
        if ((byte_at(at) & 0xC0U) != 0x80U) return 0;
    return length;
}

/// Control characters of both sets, and those that turn the direction of writing.
bool moves_the_cursor(std::string_view letter) {
    const auto first = static_cast<unsigned char>(letter.front());
    if (letter.size() == 1) return first < 0x20 || first == 0x7F;
    if (letter.size() == 2) return letter >= "\xC2\x80" && letter <= "\xC2\x9F";
    if (letter.size() == 3)
        return (letter >= "\xE2\x80\xAA" && letter <= "\xE2\x80\xAE") || (letter >= "\xE2\x81\xA6" && letter <= "\xE2\x81\xA9");
    return false;
}

std::string two_steps(std::int64_t big, const char* big_unit, std::int64_t small, const char* small_unit) {
    auto text = std::to_string(big) + " " + big_unit;
    if (small != 0) text += " " + std::to_string(small) + " " + small_unit;
    return text;
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
    static constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) return std::to_string(bytes) + " B";
    double value = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    // 1023.95 would print as 1024.0: it is one of the next unit.
    for (; value >= 1023.95 && unit + 1 < units.size(); ++unit) value /= 1024;
    return with_one_digit(value) + " " + units.at(unit);
}

std::string duration_text(std::chrono::microseconds length) {
    using namespace std::chrono;
    if (length < 0us) return "-" + duration_text(-length);
    if (length < 1s) return std::to_string(duration_cast<milliseconds>(length).count()) + " ms";
    if (length < 10s) return with_one_digit(duration<double>(length).count()) + " s";
    const auto seconds = duration_cast<std::chrono::seconds>(length).count();
    if (seconds < 60) return std::to_string(seconds) + " s";
    if (seconds < 3600) return two_steps(seconds / 60, "min", seconds % 60, "s");
    if (seconds < 86400) return two_steps(seconds / 3600, "h", seconds % 3600 / 60, "min");
    return two_steps(seconds / 86400, "d", seconds % 86400 / 3600, "h");
}

std::string age_text(Instant then, Instant now) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - then);
    if (age.count() == 0) return "now";
    const auto whole = std::chrono::seconds{std::abs(age.count())};
    // Ages are read at a glance: whole seconds below a minute.
    const auto text = whole.count() < 60 ? std::to_string(whole.count()) + " s" : duration_text(whole);
    return age.count() > 0 ? text + " ago" : "in " + text;
}

std::string time_text(Instant time) {
    auto text = to_rfc3339(std::chrono::floor<std::chrono::seconds>(time));
    if (text.size() > 10) text[10] = ' ';
    return text;
}

std::string count_text(std::uint64_t count, const std::string& one) {
    return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : between) + word;
    return text;
}

std::string printable(std::string_view text) {
    std::string clean;
    for (std::size_t at = 0; at < text.size();) {
        const auto length = letter_bytes(text.substr(at));
        if (length == 0) {
            clean += '?';
            ++at;
            continue;
        }
        const auto letter = text.substr(at, length);
        clean += moves_the_cursor(letter) ? "?" : letter;
        at += length;
    }
    return clean;
}

void Table::add(std::vector<std::string> cells) {
    assert(cells.size() == columns_.size());
    for (auto& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

std::string Table::text() const {
    std::vector<std::size_t> widths;
    for (const auto& column : columns_) widths.push_back(width_of(column.title));
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));

    std::string text;
    const auto add_line = [&](const auto& cell_at) {
        std::string line;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const std::string& cell = cell_at(i);
            const std::string padding(widths[i] - width_of(cell), ' ');
            if (i != 0) line += "  ";
            line += columns_[i].align == Align::right ? padding + cell : cell + padding;
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    };
    add_line([&](std::size_t i) -> const std::string& { return columns_[i].title; });
    for (const auto& row : rows_) add_line([&](std::size_t i) -> const std::string& { return row[i]; });
    return text;
}

}  // namespace varve::cli

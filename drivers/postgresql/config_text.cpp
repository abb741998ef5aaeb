#include "postgresql/config_text.hpp"

#include <algorithm>
#include <array>

namespace varve::postgresql {
namespace {

constexpr std::string_view blanks = " \t\r\f\v";

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0; }
bool is_name_character(char c) noexcept { return is_letter(c) || (c >= '0' && c <= '9') || c == '$' || c == '.'; }

void skip_blanks(std::string_view& text) noexcept { text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size())); }

std::string lower(std::string_view text) {
    std::string result{text};
    for (auto& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

/// The character that a backslash and `text`'s front stand for; octal takes up to three digits.
char unescape(std::string_view& text) noexcept {
    const char c = text.front();
    text.remove_prefix(1);
    switch (c) {
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        default:
            break;
    }
    if (c < '0' || c > '7') return c;
    int code = c - '0';
    for (int digits = 1; digits < 3 && !text.empty() && text.front() >= '0' && text.front() <= '7'; ++digits) {
        code = code * 8 + (text.front() - '0');
        text.remove_prefix(1);
    }
    return static_cast<char>(code);
}

/// A value in quotes: `''` and backslash escapes as in guc-file.l. Nothing when the closing quote is missing.
std::optional<std::string> take_quoted(std::string_view& text) {
    std::string value;
    text.remove_prefix(1);
    while (!text.empty()) {
        const char c = text.front();
        text.remove_prefix(1);
        if (c == '\'') {
            if (!text.starts_with('\'')) return value;
            text.remove_prefix(1);
            value += '\'';
        } else if (c == '\\' && !text.empty()) {
            value += unescape(text);
        } else {
            value += c;
        }
    }
    return std::nullopt;
}

std::optional<std::string> take_value(std::string_view& text) {
    if (text.starts_with('\'')) return take_quoted(text);
    const auto end = std::min(text.find_first_of(" \t\r\f\v#'"), text.size());
    if (end == 0) return std::nullopt;
    std::string value{text.substr(0, end)};
    text.remove_prefix(end);
    return value;
}

/// A word of pg_hba.conf: in quotes or up to a blank, a comma or a comment.
std::string take_rule_word(std::string_view& text) {
    std::string word;
    bool quoted = false;
    while (!text.empty()) {
        const char c = text.front();
        if (!quoted && (blanks.contains(c) || c == ',' || c == '#')) break;
        if (c == '"')
            quoted = !quoted;
        else
            word += c;
        text.remove_prefix(1);
    }
    return word;
}

}  // namespace

std::optional<ConfigLine> find_config_line(std::string_view line) {
    skip_blanks(line);
    if (line.empty() || !is_letter(line.front())) return std::nullopt;
    const auto name_end = std::ranges::find_if_not(line, is_name_character);
    ConfigLine found{.name = lower({line.begin(), name_end}), .value = {}};
    line.remove_prefix(found.name.size());
    skip_blanks(line);
    if (line.starts_with('=')) line.remove_prefix(1);
    skip_blanks(line);
    auto value = take_value(line);
    skip_blanks(line);
    if (!value || (!line.empty() && line.front() != '#')) return std::nullopt;
    found.value = std::move(*value);
    return found;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return lines;
}

std::string comment_out(std::string_view text, const std::function<bool(const ConfigLine&)>& unwanted) {
    std::string result;
    result.reserve(text.size() + 64);
    for (const auto line : lines_of(text)) {
        if (const auto setting = find_config_line(line); setting && unwanted(*setting)) result += "# not restored: ";
        result += line;
        result += '\n';
    }
    return result;
}

std::string config_setting(std::string_view name, std::string_view value) {
    std::string line{name};
    line += " = '";
    for (const char c : value) {
        if (c == '\'' || c == '\\') line += c;
        if (c == '\n')
            line += "\\n";
        else
            line += c;
    }
    return line + "'\n";
}

bool is_recovery_setting(std::string_view name) noexcept {
    static constexpr std::array<std::string_view, 9> names = {
        "restore_command",   "archive_cleanup_command",  "recovery_end_command",
        "primary_conninfo",  "primary_slot_name",        "promote_trigger_file",
        "recovery_prefetch", "recovery_min_apply_delay", "sync_replication_slots"};
    return name.starts_with("recovery_target") || std::ranges::find(names, name) != names.end();
}

std::vector<Included> includes_of_settings(std::string_view text) {
    std::vector<Included> found;
    for (const auto line : lines_of(text)) {
        auto setting = find_config_line(line);
        if (!setting) continue;
        if (setting->name == "include_dir")
            found.push_back({std::move(setting->value), true});
        else if (setting->name == "include" || setting->name == "include_if_exists")
            found.push_back({std::move(setting->value), false});
    }
    return found;
}

std::vector<Included> includes_of_access_rules(std::string_view text) {
    std::vector<Included> found;
    for (auto line : lines_of(text)) {
        bool first = true;
        std::string directive;
        for (;;) {
            line.remove_prefix(std::min(line.find_first_not_of(" \t\r\f\v,"), line.size()));
            if (line.empty() || line.front() == '#') break;
            auto word = take_rule_word(line);
            if (first)
                directive = word;
            else if (directive == "include_dir")
                found.push_back({std::move(word), true});
            else if (directive == "include" || directive == "include_if_exists")
                found.push_back({std::move(word), false});
            else if (word.starts_with('@') && word.size() > 1)
                found.push_back({word.substr(1), false});
            first = false;
        }
    }
    return found;
}

}  // namespace varve::postgresql

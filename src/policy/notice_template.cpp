#include "policy/notice_template.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "varve/error.hpp"

namespace varve {

namespace {

constexpr std::array<std::string_view, 10> names{"event", "title",  "text",   "source", "driver",
                                                 "state", "reason", "remedy", "host",   "time"};

bool is_json(const std::string& text) {
    constexpr auto blanks = " \t\r\n";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string::npos || (text[first] != '{' && text[first] != '[')) return false;
    const auto next = text.find_first_not_of(blanks, first + 1);
    return next != std::string::npos && std::string_view{"\"{["}.contains(text[next]);
}

std::string escaped(const std::string& word) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    for (const char c : word) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            result += {'\\', c};
        else if (byte < 0x20)
            result += {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
        else
            result += c;
    }
    return result;
}

/// Calls `replace` with each {name}: small letters between braces, so that the braces of JSON are none.
std::string with_names(const std::string& text, const std::function<std::string(const std::string&)>& replace) {
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        const auto open = text.find('{', at);
        if (open == std::string::npos) return result + text.substr(at);
        const auto end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", open + 1);
        const bool is_name = end != std::string::npos && text[end] == '}' && end > open + 1;
        result += text.substr(at, open - at);
        result += is_name ? replace(text.substr(open + 1, end - open - 1)) : "{";
        at = is_name ? end + 1 : open + 1;
    }
    return result;
}

}  // namespace

void check_notice_template(const std::string& text) {
    (void)with_names(text, [](const std::string& name) -> std::string {
        if (std::ranges::find(names, name) != names.end()) return {};
        std::string known;
        for (const auto one : names) known += (known.empty() ? "" : " ") + std::string{one};
        throw Error{Fault::invalid, "there is no word {" + name + "}"}.hint("There are: " + known + ".");
    });
}

std::string fill_notice_template(const std::string& text, const NoticeWords& words) {
    const bool json = is_json(text);
    return with_names(text, [&](const std::string& name) {
        const auto word = words.find(name);
        if (word == words.end()) return std::string{};
        return json ? escaped(word->second) : word->second;
    });
}

}  // namespace varve

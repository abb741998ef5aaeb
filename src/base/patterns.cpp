#include "varve/patterns.hpp"

#include <ranges>

#include "varve/error.hpp"

namespace varve {
namespace {

/// A class such as `[a-z]` at the front of `glob`: whether it has `character`, and its length; 0 when it is not closed.
struct ClassMatch {
    bool has = false;
    std::size_t length = 0;
};
ClassMatch match_class(std::string_view glob, char character) {
    std::size_t at = 1;
    const bool negated = at < glob.size() && (glob[at] == '!' || glob[at] == '^');
    if (negated) ++at;
    bool has = false;
    for (const auto first = at; at < glob.size() && (glob[at] != ']' || at == first); ++at) {
        const char low = glob[at];
        char high = low;
        if (at + 2 < glob.size() && glob[at + 1] == '-' && glob[at + 2] != ']') {
            high = glob[at + 2];
            at += 2;
        }
        has = has || (low <= character && character <= high);
    }
    if (at >= glob.size()) return {};
    return {has != negated, at + 1};
}

bool matches(std::string_view glob, std::string_view text);

/// `**/rest`: rest may begin at any folder.
bool matches_below(std::string_view rest, std::string_view text) {
    for (;;) {
        if (matches(rest, text)) return true;
        const auto slash = text.find('/');
        if (slash == std::string_view::npos) return false;
        text.remove_prefix(slash + 1);
    }
}

/// `*rest`: rest may begin anywhere in this name.
bool matches_behind(std::string_view rest, std::string_view text) {
    for (;;) {
        if (matches(rest, text)) return true;
        if (text.empty() || text.front() == '/') return false;
        text.remove_prefix(1);
    }
}

bool matches(std::string_view glob, std::string_view text) {
    while (!glob.empty()) {
        if (glob == "**") return true;
        if (glob.starts_with("**/")) return matches_below(glob.substr(3), text);
        if (glob.front() == '*') return matches_behind(glob.substr(1), text);
        if (text.empty()) return false;
        std::size_t used = 1;
        if (glob.front() == '?') {
            if (text.front() == '/') return false;
        } else if (const auto found = glob.front() == '[' ? match_class(glob, text.front()) : ClassMatch{}; found.length > 0) {
            if (!found.has || text.front() == '/') return false;
            used = found.length;
        } else {
            if (glob.front() == '\\' && glob.size() > 1) glob.remove_prefix(1);
            if (glob.front() != text.front()) return false;
        }
        glob.remove_prefix(used);
        text.remove_prefix(1);
    }
    return text.empty();
}

}  // namespace

Patterns::Patterns(const std::vector<std::string>& lines) {
    for (std::string_view line : lines) {
        Pattern pattern;
        if (line.starts_with('!')) {
            pattern.takes_back = true;
            line.remove_prefix(1);
        }
        if (line.ends_with('/')) {
            pattern.folders_only = true;
            line.remove_suffix(1);
        }
        pattern.anchored = line.find('/') != std::string_view::npos;
        if (line.starts_with('/')) line.remove_prefix(1);
        if (line.empty()) throw Error{Fault::invalid, "a pattern that matches nothing"};
        pattern.glob = line;
        patterns_.push_back(std::move(pattern));
    }
}

bool Patterns::match(std::string_view path, bool is_folder) const {
    const auto name = path.substr(path.rfind('/') + 1);
    for (const auto& pattern : patterns_ | std::views::reverse) {
        if (pattern.folders_only && !is_folder) continue;
        if (matches(pattern.glob, pattern.anchored ? path : name)) return !pattern.takes_back;
    }
    return false;
}

}  // namespace varve

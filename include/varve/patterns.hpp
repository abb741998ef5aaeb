/// Paths that are meant by lines like those of a .gitignore: what a source leaves out, what somebody looks for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// `*` and `?` stay within a name, `**` crosses folders, `[a-z]` is a class, `\` takes the next character as it is. A pattern
/// with a slash before its end begins at the top, another matches a name at any depth. A slash at the end: folders only. `!` at
/// the front takes back what an earlier line matched. The last line that matches decides.
class Patterns {
public:
    Patterns() = default;
    /// Fault::invalid for a line that can match nothing.
    explicit Patterns(const std::vector<std::string>& lines);

    /// `path` is relative to the top. A folder that matches says nothing of what lies below it.
    bool match(std::string_view path, bool is_folder) const;

private:
    struct Pattern {
        std::string glob;
        bool anchored = false, folders_only = false, takes_back = false;
    };
    std::vector<Pattern> patterns_;
};

}  // namespace varve

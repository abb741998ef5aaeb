/// What a source leaves out, written like the lines of a .gitignore.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace varve::files {

/// `*` and `?` stay within a name, `**` crosses folders, `[a-z]` is a class, `\` takes the next character as it is. A pattern
/// with a slash before its end begins at the source's path, another matches a name at any depth. A slash at the end: folders
/// only. `!` at the front takes back what an earlier line left out. The last line that matches decides.
class Patterns {
public:
    Patterns() = default;
    /// Fault::invalid for a line that can match nothing.
    explicit Patterns(const std::vector<std::string>& lines);

    /// `path` is relative to the source's path. What lies below an excluded folder is not asked for.
    bool exclude(std::string_view path, bool is_folder) const;

private:
    struct Pattern {
        std::string glob;
        bool anchored = false, folders_only = false, takes_back = false;
    };
    std::vector<Pattern> patterns_;
};

}  // namespace varve::files

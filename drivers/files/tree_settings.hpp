/// What one source's configuration says about its trees.
#pragma once

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "varve/patterns.hpp"
#include "varve/settings.hpp"

namespace varve::files {

struct TreeSettings {
    std::vector<std::filesystem::path> paths;  ///< absolute, none below another
    Patterns exclude;
    std::string kind = "data";    ///< data | config: how often and how long is decided outside, by this word
    bool one_filesystem = false;  ///< a mount point below a path is listed and not entered
    bool devices = false;         ///< device nodes are archived too
    unsigned depth_max = std::numeric_limits<unsigned>::max();  ///< folders below the path's own

    /// Where `path`'s content lies in the backup's list: at its top for the only path, else under the path without its first
    /// slash.
    std::string entry_path(const std::filesystem::path& path) const;
};

/// Fault::invalid, with key and place.
TreeSettings read_tree_settings(const Settings& settings);

}  // namespace varve::files

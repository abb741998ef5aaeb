#include "files/tree_settings.hpp"

#include <algorithm>
#include <charconv>

#include "varve/error.hpp"

namespace varve::files {
namespace {

namespace fs = std::filesystem;

bool is_below(const fs::path& path, const fs::path& folder) {
    return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

std::vector<fs::path> read_paths(const Settings& settings) {
    std::vector<fs::path> paths;
    for (const auto& text : settings.list("paths")) {
        auto path = fs::path{text}.lexically_normal();
        if (!path.is_absolute())
            throw Error{Fault::invalid, "`paths`: \"" + text + "\" is not an absolute path"}.during(settings.place("paths"));
        if (!path.has_filename() && path != path.root_path()) path = path.parent_path();
        paths.push_back(std::move(path));
    }
    if (paths.empty())
        throw Error{Fault::invalid, "`paths` is not set"}.hint("Name what to protect: paths = [\"/srv/shop/uploads\"].");
    // A path below another is archived with it; twice in one list it could not be told apart.
    std::ranges::sort(paths);
    std::vector<fs::path> kept;
    for (auto& path : paths) {
        if (kept.empty() || !is_below(path, kept.back())) kept.push_back(std::move(path));
    }
    return kept;
}

Patterns read_patterns(const Settings& settings) {
    try {
        return Patterns{settings.list("exclude")};
    } catch (Error& error) {
        error.during("`exclude`").during(settings.place("exclude"));
        throw;
    }
}

unsigned read_depth(const Settings& settings, unsigned otherwise) {
    const auto text = settings.find_text("max_depth");
    if (!text) return otherwise;
    unsigned depth = 0;
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), depth);
    if (failure != std::errc{} || end != text->data() + text->size()) {
        throw Error{Fault::invalid, "`max_depth` must be a whole number, not \"" + *text + "\""}.during(
            settings.place("max_depth"));
    }
    return depth;
}

}  // namespace

std::string TreeSettings::entry_path(const fs::path& path) const {
    return paths.size() == 1 ? std::string{} : path.relative_path().string();
}

TreeSettings read_tree_settings(const Settings& settings) {
    TreeSettings tree;
    tree.paths = read_paths(settings);
    tree.exclude = read_patterns(settings);
    tree.kind = settings.find_text("kind").value_or(tree.kind);
    if (tree.kind != "data" && tree.kind != "config") {
        throw Error{Fault::invalid, "`kind` must be data or config, not \"" + tree.kind + "\""}.during(settings.place("kind"));
    }
    tree.one_filesystem = settings.find_flag("one_filesystem").value_or(false);
    tree.devices = settings.find_flag("devices").value_or(false);
    tree.depth_max = read_depth(settings, tree.depth_max);
    return tree;
}

}  // namespace varve::files

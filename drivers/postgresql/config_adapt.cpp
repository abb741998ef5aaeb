#include "postgresql/config_adapt.hpp"

#include <algorithm>

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

constexpr int include_depth_max = 10;

std::string not_restored(std::string_view line) { return "# not restored: " + std::string{line} + "\n"; }

bool lies_below(const fs::path& path, const fs::path& directory) {
    const auto relative = path.lexically_relative(directory);
    return !relative.empty() && *relative.begin() != "..";
}

/// The outside files that an include names: one, or those of a folder, in the order of their names.
std::vector<fs::path> outside_files(const OutsideConfig& outside, const fs::path& named, bool directory) {
    std::vector<fs::path> files;
    if (!directory) {
        if (outside.contains(named)) files.push_back(named);
        return files;
    }
    for (const auto& [path, text] : outside)
        if (path.parent_path() == named && path.extension() == ".conf") files.push_back(path);
    return files;
}

class Adapter {
public:
    Adapter(const OutsideConfig& outside, const AdaptOptions& options) : outside_{outside}, options_{options} {}

    void add(std::string_view text, const fs::path& path, int depth) {
        for (const auto line : lines_of(text)) {
            const auto setting = find_config_line(line);
            if (setting && setting->name.starts_with("include"))
                include(*setting, line, path, depth);
            else if (setting && options_.unwanted(*setting))
                result_.text += not_restored(line);
            else
                result_.text.append(line).append("\n");
        }
    }

    AdaptedConfig result() { return std::move(result_); }

private:
    void include(const ConfigLine& setting, std::string_view line, const fs::path& path, int depth) {
        const bool directory = setting.name == "include_dir";
        const auto named = (path.parent_path() / setting.value).lexically_normal();
        if (lies_below(named, options_.old_data_directory)) {
            result_.inner.push_back(named.lexically_relative(options_.old_data_directory));
            result_.text += config_setting(setting.name, named.lexically_relative(options_.home).string());
            return;
        }
        const auto files = depth < include_depth_max ? outside_files(outside_, named, directory) : std::vector<fs::path>{};
        result_.text += not_restored(line);
        for (const auto& file : files) {
            result_.text += "# from " + file.string() + ":\n";
            add(outside_.at(file), file, depth + 1);
        }
    }

    const OutsideConfig& outside_;
    const AdaptOptions& options_;
    AdaptedConfig result_;
};

void add_access_rules(std::string& result, std::string_view text, const fs::path& path, const OutsideConfig& outside, int depth) {
    for (const auto line : lines_of(text)) {
        const auto includes = includes_of_access_rules(line);
        std::vector<fs::path> files;
        for (const auto& include : includes)
            for (auto& file : outside_files(outside, (path.parent_path() / include.path).lexically_normal(), include.directory))
                files.push_back(std::move(file));
        const bool whole_line = line.substr(std::min(line.find_first_not_of(" \t"), line.size())).starts_with("include");
        if (!whole_line || files.empty() || depth >= include_depth_max) {
            result.append(line).append("\n");
            continue;
        }
        result += not_restored(line);
        for (const auto& file : files) add_access_rules(result, outside.at(file), file, outside, depth + 1);
    }
}

}  // namespace

AdaptedConfig adapt_config(std::string_view text, const fs::path& path, const OutsideConfig& outside,
                           const AdaptOptions& options) {
    Adapter adapter{outside, options};
    adapter.add(text, path, 0);
    return adapter.result();
}

std::string adapt_access_rules(std::string_view text, const fs::path& path, const OutsideConfig& outside) {
    std::string result;
    add_access_rules(result, text, path, outside, 0);
    return result;
}

std::optional<std::string> find_setting(std::string_view text, std::string_view name) {
    std::optional<std::string> value;
    for (const auto line : lines_of(text))
        if (auto setting = find_config_line(line); setting && setting->name == name) value = std::move(setting->value);
    return value;
}

}  // namespace varve::postgresql

/// Makes a cluster's configuration stand in its restored directory: whatever lay outside the old data directory is put in place,
/// and settings that belong to the old place or to an old recovery are put out of force. Pure.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "postgresql/config_text.hpp"

namespace varve::postgresql {

/// Configuration files from outside the data directory, by the path they had.
using OutsideConfig = std::map<std::filesystem::path, std::string>;

struct AdaptedConfig {
    std::string text;
    std::vector<std::filesystem::path> inner;  ///< relative to the data directory: files and folders it still includes
};

struct AdaptOptions {
    std::filesystem::path old_data_directory;
    std::filesystem::path home;  ///< the folder, under its old name, that the result will lie in
    std::function<bool(const ConfigLine&)> unwanted;
};

/// `text` was at `path`. An include of a file outside is replaced by the file's text, or put out of force when the backup does
/// not have it; an include of a file inside is kept, relative.
AdaptedConfig adapt_config(std::string_view text, const std::filesystem::path& path, const OutsideConfig& outside,
                           const AdaptOptions& options);

/// pg_hba.conf or pg_ident.conf with the includes (16 and later) of outside files replaced by their text.
std::string adapt_access_rules(std::string_view text, const std::filesystem::path& path, const OutsideConfig& outside);

/// The value that is in force after `text`: its last one.
std::optional<std::string> find_setting(std::string_view text, std::string_view name);

}  // namespace varve::postgresql

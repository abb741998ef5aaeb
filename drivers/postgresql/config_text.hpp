/// PostgreSQL's configuration files as text: what a line sets, which files it includes, and how lines are put out of force.
/// Pure; files are the caller's.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve::postgresql {

/// One line that sets something: `name = value`, or an include.
struct ConfigLine {
    std::string name;   ///< lower case: `recovery_target_time`, `include_dir`
    std::string value;  ///< without quotes
};

/// What a line of postgresql.conf says; nothing for an empty line, a comment, or what PostgreSQL would refuse.
std::optional<ConfigLine> find_config_line(std::string_view line);

/// `text` line by line, each without its line end.
std::vector<std::string_view> lines_of(std::string_view text);

/// `text` with each setting for which `unwanted` is true turned into a comment that keeps the old line.
std::string comment_out(std::string_view text, const std::function<bool(const ConfigLine&)>& unwanted);

/// `name = 'value'` and a line end, with the value quoted as PostgreSQL reads it.
std::string config_setting(std::string_view name, std::string_view value);

/// Settings of an earlier recovery or of the server's place in a replication setup: never in force in a restored cluster.
bool is_recovery_setting(std::string_view name) noexcept;

/// What an include line names: `include_dir` has several.
struct Included {
    std::string path;  ///< as written: may be relative to the file that holds the line
    bool directory = false;
};
/// For postgresql.conf.
std::vector<Included> includes_of_settings(std::string_view text);
/// For pg_hba.conf and pg_ident.conf: include lines (16 and later) and `@file` lists of names.
std::vector<Included> includes_of_access_rules(std::string_view text);

}  // namespace varve::postgresql

/// Statements as text: files of them that the plain client reads too, names and values in SQL, and a table's definition taken
/// apart for a fast load. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace varve::mysql {

/// A name in backquotes.
std::string quoted_name(std::string_view name);
/// A value in quotes, for sessions without NO_BACKSLASH_ESCAPES.
std::string quoted_text(std::string_view text);

/// The name as a component of a path: letters, digits, `_`, `-`, `$` and what is not ASCII stay, anything else is `%` and two
/// hexadecimal digits.
std::string path_component(std::string_view name);
/// The inverse; Fault::corrupt for what path_component() never gives.
std::string name_of_component(std::string_view component);

/// One file: a DELIMITER that occurs in none of them, and the statements, each with it at its end.
std::string to_script(const std::vector<std::string>& statements);
/// The inverse. Fault::corrupt for a file that was not written so.
std::vector<std::string> statements_of(std::string_view script);

/// What SHOW CREATE TABLE prints, in the order in which a table is loaded fastest.
struct TableParts {
    std::string create;                     ///< with the keys that the rows' places need, or none could be added later
    std::vector<std::string> keys;          ///< `ADD KEY …`: for one ALTER TABLE
    std::vector<std::string> single_keys;   ///< `ADD FULLTEXT KEY …`: for an ALTER TABLE each
    std::vector<std::string> foreign_keys;  ///< `ADD CONSTRAINT … FOREIGN KEY …`
};
/// Which keys are left for later: those that other tables are needed for, or all that may be.
enum class LateKeys { foreign, all };
TableParts split_table(std::string_view create, LateKeys late = LateKeys::all);

/// As SHOW CREATE TABLE prints it, without what changes with every row: to tell whether a table was altered.
std::string without_auto_increment(std::string_view create);

}  // namespace varve::mysql

/// Rows as LOAD DATA reads them, with its own default separators, in the character set `binary`: tabs between fields, a line a
/// row, `\` before what would end one, `\N` for NULL. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "varve/bytes.hpp"

namespace varve::mysql {

/// Rows being written. Used again and again: fresh memory is dear.
class RowText {
public:
    /// `text` is what the server sent for one field, or nothing for NULL.
    void add_field(std::optional<std::string_view> text);
    void end_row();
    std::size_t size() const noexcept { return used_; }
    /// What was written since the last take().
    Bytes take();

private:
    void grow(std::size_t more);

    Bytes bytes_;
    std::size_t used_ = 0;
    bool in_row_ = false;
};

/// Turns rows as written by RowText into the values of an INSERT, for servers that take no LOAD DATA LOCAL: `('1',NULL),(…)`.
/// `text` holds whole rows. Each of `frames` is what stands around a field, with `%` for it: `%`, `UNHEX(%)`.
std::string insert_values(std::string_view text, const std::vector<std::string>& frames);

}  // namespace varve::mysql

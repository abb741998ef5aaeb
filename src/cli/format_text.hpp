/// Numbers and times as people read them, and tables.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "varve/clock.hpp"

namespace varve::cli {

/// "512 B", "1.2 GiB".
std::string size_text(std::uint64_t bytes);
/// "120 ms", "3.4 s", "2 min 5 s", "4 h 3 min", "2 d 3 h": two steps at most.
std::string duration_text(std::chrono::microseconds length);
/// "3 s ago", "in 4 h 3 min", "now".
std::string age_text(Instant then, Instant now);
/// "2026-11-23 02:00:12Z".
std::string time_text(Instant time);
/// "1 backup", "2 backups".
std::string count_text(std::uint64_t count, const std::string& one);
std::string joined(const std::vector<std::string>& words, const std::string& between = ", ");
/// Text of others on a terminal: control characters, and bytes that are no UTF-8, become `?`, so that it cannot move the cursor
/// or end the line.
std::string printable(std::string_view text);

/// Columns padded to their widest cell; the last one is not. Cells are made printable.
class Table {
public:
    enum class Align { left, right };
    struct Column {
        std::string title;
        Align align = Align::left;
    };
    explicit Table(std::vector<Column> columns) : columns_{std::move(columns)} {}
    /// As many cells as there are columns.
    void add(std::vector<std::string> cells);
    bool empty() const noexcept { return rows_.empty(); }
    /// Titles in capitals, then the rows; every line ends in a newline.
    std::string text() const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace varve::cli

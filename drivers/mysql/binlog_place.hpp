/// A place in a server's binlog files, and how their names are counted. Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace varve::mysql {

/// Bytes that every file begins with: fe 'b' 'i' 'n'. The first event lies behind them.
inline constexpr std::uint64_t binlog_magic_bytes = 4;

struct BinlogPlace {
    std::string file{};        ///< without a directory: `binlog.000007`
    std::uint64_t offset = 0;  ///< in that file
    friend bool operator==(const BinlogPlace&, const BinlogPlace&) = default;
};

/// `binlog.000007:1097`
std::string to_text(const BinlogPlace& place);
/// The inverse; nothing when it is no such text.
std::optional<BinlogPlace> find_place(std::string_view text);

/// Whether `next` is the file that a server begins after `name`: the same name, counted one further.
bool follows(std::string_view name, std::string_view next);
/// The name of that file. Fault::corrupt when `name` has no number.
std::string name_after(std::string_view name);
/// Which of two places of one log comes first; nothing when their files are named otherwise, beside the number.
std::optional<std::strong_ordering> order_of(const BinlogPlace& a, const BinlogPlace& b);
/// The number that a file's name ends in; nothing when there is none.
std::optional<std::uint64_t> find_number_of(std::string_view name);

}  // namespace varve::mysql

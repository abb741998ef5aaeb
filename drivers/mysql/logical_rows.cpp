#include "mysql/logical_rows.hpp"

#include <mysql.h>

#include <algorithm>
#include <array>
#include <bit>

#include "mysql/logical_script.hpp"
#include "mysql/server_error.hpp"

namespace varve::mysql {

namespace {

constexpr std::size_t ranges_max = 4096;  // of one table: entries cost something too

bool tells_of_alteration(unsigned number) {
    // Definition changed since the snapshot; no such table, column or database any more; whoever alters it waits for a table that
    // we have read, and we for this one.
    static constexpr std::array<unsigned, 6> numbers{1412, 1146, 1054, 1049, 1932, 1213};
    return std::ranges::find(numbers, number) != numbers.end();
}

struct FreeResult {
    void operator()(MYSQL_RES* result) const noexcept { mysql_free_result(result); }
};

}  // namespace

std::string TableRange::path() const {
    auto digits = std::to_string(number);
    digits.insert(0, 6 - std::min<std::size_t>(6, digits.size()), '0');
    return table->folder() + "/" + digits + ".tsv";
}

std::vector<TableRange> ranges_of(const LogicalTable& table, std::int64_t first, std::int64_t last, std::uint64_t bytes) {
    const auto span = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first) + 1;  // 0: all of 2^64
    const auto wanted = std::clamp<std::uint64_t>(table.bytes / std::max<std::uint64_t>(bytes, 1), 1, ranges_max);
    if (wanted == 1 || last < first || span == 0 || span / wanted > (1ULL << 62))
        return {{.table = &table, .number = 0, .where = {}}};
    const auto width = static_cast<std::int64_t>(std::bit_ceil(span / wanted + 1));
    const auto column = quoted_name(table.primary.front());
    std::vector<TableRange> ranges;
    // Rounded down, below zero too.
    auto border = first - ((first % width) + width) % width;
    for (;;) {
        TableRange range{.table = &table, .number = ranges.size(), .where = {}};
        if (!ranges.empty()) range.where = column + " >= " + std::to_string(border);
        const bool is_last = last - border < width;
        if (!is_last) range.where += (range.where.empty() ? "" : " AND ") + column + " < " + std::to_string(border + width);
        ranges.push_back(std::move(range));
        if (is_last) return ranges;
        border += width;
    }
}

std::string select_statement(const TableRange& range) {
    const auto& table = *range.table;
    std::string list, order;
    for (const auto& column : table.columns) list += (list.empty() ? "" : ",") + column.read;
    for (const auto& column : table.primary) order += (order.empty() ? " ORDER BY " : ",") + quoted_name(column);
    std::string sql = "SELECT " + list + " FROM " + table.quoted();
    if (!table.primary.empty()) sql += " FORCE INDEX (PRIMARY)";
    if (!range.where.empty()) sql += " WHERE " + range.where;
    return sql + order;
}

Error altered(const LogicalTable& table) {
    return Error{Fault::conflict,
                 "the table " + table.quoted() + " was altered, renamed or emptied while the backup began to read it"}
        .code("table_altered", 75)
        .hint("Nothing of this backup was kept. Run it again when the schema does not change.");
}

void claim_table(Connection& reader, const LogicalTable& table) {
    try {
        reader.execute("SELECT 1 FROM " + table.quoted() + " LIMIT 0");
        const auto now = reader.query("SHOW CREATE TABLE " + table.quoted()).text(0, 1);
        if (without_auto_increment(now) != without_auto_increment(table.create)) throw altered(table);
    } catch (const Error& error) {
        if (tells_of_alteration(number_of(error))) throw altered(table);
        throw;
    }
}

struct RangeReader::State {
    Connection& reader;
    const LogicalTable& table;
    std::unique_ptr<MYSQL_RES, FreeResult> result;
    RowText rows;
    unsigned fields = 0;
    bool ended = false;

    Error failure() const {
        const auto number = mysql_errno(reader.raw());
        return tells_of_alteration(number) ? altered(table) : error_of_session(reader.raw());
    }
};

RangeReader::RangeReader(Connection& reader, const TableRange& range)
    : state_{std::make_unique<State>(State{.reader = reader, .table = *range.table, .result = {}, .rows = {}})} {
    const auto sql = select_statement(range);
    if (mysql_real_query(reader.raw(), sql.data(), sql.size()) != 0) throw state_->failure();
    state_->result.reset(mysql_use_result(reader.raw()));
    if (!state_->result) throw state_->failure();
    state_->fields = mysql_num_fields(state_->result.get());
}

RangeReader::~RangeReader() = default;

Bytes RangeReader::next_block() {
    auto& state = *state_;
    while (!state.ended && state.rows.size() < block_bytes) {
        const auto row = mysql_fetch_row(state.result.get());
        if (row == nullptr) {
            if (mysql_errno(state.reader.raw()) != 0) throw state.failure();
            state.ended = true;
            break;
        }
        const auto* lengths = mysql_fetch_lengths(state.result.get());
        for (unsigned i = 0; i < state.fields; ++i)
            state.rows.add_field(row[i] == nullptr ? std::nullopt : std::optional{std::string_view{row[i], lengths[i]}});
        state.rows.end_row();
    }
    return state.rows.take();
}

}  // namespace varve::mysql

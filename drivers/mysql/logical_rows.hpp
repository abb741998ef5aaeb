/// The rows of a table out of a snapshot: cut into ranges of the primary key, read as text a block at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mysql/logical_schema.hpp"
#include "mysql/logical_text.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

/// A stretch of a table: one entry of the backup.
struct TableRange {
    const LogicalTable* table = nullptr;
    std::size_t number = 0;  ///< within the table
    std::string where;       ///< empty: all of it

    std::string path() const;  ///< data/db/table/000000.tsv
};

/// Ranges of about `bytes` each, whose borders stay where they are from day to day: multiples of a power of two. `first` and
/// `last` are the least and the greatest value of the key's first column.
std::vector<TableRange> ranges_of(const LogicalTable& table, std::int64_t first, std::int64_t last, std::uint64_t bytes);

std::string select_statement(const TableRange& range);

/// Opens the table within the snapshot. Fault::conflict when it is not the table any more that the snapshot began with.
void claim_table(Connection& reader, const LogicalTable& table);

/// Whoever alters a table between the snapshot and its reading gets this, in place of the server's own words.
Error altered(const LogicalTable& table);

/// One range as it is read. Blocking pool; one call at a time.
class RangeReader {
public:
    static constexpr std::size_t block_bytes = 4U << 20;

    RangeReader(Connection& reader, const TableRange& range);
    RangeReader(const RangeReader&) = delete;
    RangeReader& operator=(const RangeReader&) = delete;
    ~RangeReader();
    /// The next rows, whole ones; empty at the end. Fault::conflict when the table was altered.
    Bytes next_block();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace varve::mysql

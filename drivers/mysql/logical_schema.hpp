/// What a server holds, as statements that make it again: databases, tables, sequences, views, routines, triggers, events,
/// accounts. Read under the snapshot's lock, so it must be quick.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mysql/connection.hpp"

namespace varve::mysql {

struct LogicalColumn {
    std::string name;
    std::string read;   ///< what is selected for it
    std::string frame;  ///< how a loaded field becomes its value, `%` standing for the field
};

struct LogicalTable {
    std::string database, name;
    std::string create;                  ///< as SHOW CREATE TABLE prints it
    std::vector<LogicalColumn> columns;  ///< those that hold what was written: no generated ones
    std::vector<std::string> primary;    ///< columns of the primary key, in order
    bool counts = false;                 ///< the first of them is an integer: it can be read in ranges
    std::uint64_t bytes = 0;             ///< about, of its rows
    bool transactional = true;           ///< has a part in the snapshot

    std::string quoted() const;  ///< `db`.`table`
    std::string folder() const;  ///< of its rows in the backup: data/db/table
};

struct LogicalObject {
    std::string path;  ///< in the backup
    std::vector<std::string> statements;
};

struct LogicalSequence {
    std::size_t object;  ///< which of the schema's objects makes it
    std::string quoted;  ///< `db`.`name`
};

struct LogicalSchema {
    std::vector<LogicalTable> tables;
    std::vector<LogicalObject> objects;      ///< everything but rows
    std::vector<LogicalSequence> sequences;  ///< MariaDB's, without their values yet
    std::vector<std::string> left_out;       ///< sentences: what a logical backup does not hold
};

/// `connection` is set to character_set_results = NULL afterwards.
LogicalSchema read_schema(Connection& connection);

/// Adds where the sequences stand. Once commits wait, or later: what was committed by then has used only numbers before these,
/// and a number that is passed over does no harm.
void read_sequence_values(Connection& connection, LogicalSchema& schema);

/// The one statement that loads rows as RowText writes them into a table. `file` is what stands for the file's name.
std::string load_statement(const std::string& table, const std::vector<LogicalColumn>& columns, const std::string& file);
std::string insert_head(const std::string& table, const std::vector<LogicalColumn>& columns);

/// The databases that a server makes itself.
bool is_system_database(std::string_view name);

}  // namespace varve::mysql

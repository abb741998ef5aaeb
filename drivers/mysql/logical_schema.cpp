#include "mysql/logical_schema.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "mysql/logical_accounts.hpp"
#include "mysql/logical_script.hpp"
#include "mysql/server_error.hpp"

namespace varve::mysql {

namespace {

using Key = std::pair<std::string, std::string>;  ///< database, table

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
}

LogicalColumn column_of(const std::string& name, const std::string& type, bool mariadb) {
    LogicalColumn column{.name = name, .read = quoted_name(name), .frame = "%"};
    const bool geometry = is_one_of(type, {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
                                           "multipolygon", "geometrycollection", "geomcollection"});
    if (geometry || type == "bit" || type == "vector") {
        column.read = "HEX(" + column.read + ")";
        column.frame = "UNHEX(%)";
    } else if (type == "float") {
        column.read += "+0e0";  // as a DOUBLE, which is printed with all its digits
    } else if ((type == "json" && !mariadb) || is_one_of(type, {"inet4", "inet6", "uuid"})) {
        column.frame = "CONVERT(% USING utf8mb4)";  // bytes without a character set would be taken for the value itself
    }
    return column;
}

bool is_integer(std::string_view type) { return is_one_of(type, {"tinyint", "smallint", "mediumint", "int", "bigint"}); }

class SchemaReader {
public:
    explicit SchemaReader(Connection& connection) : connection_{connection}, mariadb_{connection.is_mariadb()} {}

    LogicalSchema read() {
        // Bodies of routines and views are kept in the character set that they were written in, names are utf8mb4.
        connection_.execute("SET SESSION character_set_results = utf8mb4, sql_quote_show_create = 1");
        find_databases();
        read_columns();
        read_primary_keys();
        for (const auto& database : databases_) {
            add("schema/" + path_component(database) + "/database.sql", {create_database(database)});
            read_tables(database);
        }
        connection_.execute("SET SESSION character_set_results = NULL");
        for (const auto& database : databases_) {
            read_views(database);
            read_routines(database);
            read_triggers(database);
            read_events(database);
        }
        schema_.objects.push_back({"users.sql", read_accounts(connection_)});
        return std::move(schema_);
    }

private:
    void add(std::string path, std::vector<std::string> statements) {
        schema_.objects.push_back({std::move(path), std::move(statements)});
    }

    static std::string path_of(const std::string& database, std::string_view kind, const std::string& name) {
        return "schema/" + path_component(database) + "/" + std::string{kind} + "." + path_component(name) + ".sql";
    }

    std::string shown(const std::string& what, const std::string& column) {
        return connection_.query("SHOW CREATE " + what).text(0, column);
    }

    void find_databases() {
        const auto rows = connection_.query("SHOW DATABASES");
        for (std::size_t row = 0; row < rows.size(); ++row)
            if (const auto& name = rows.text(row, 0); !is_system_database(name)) databases_.push_back(name);
        std::string list;
        for (const auto& name : databases_) list += (list.empty() ? "" : ",") + quoted_text(name);
        in_databases_ = " IN (" + (list.empty() ? "''" : list) + ")";
    }

    std::string create_database(const std::string& database) {
        auto create = shown("DATABASE " + quoted_name(database), "Create Database");
        static constexpr std::string_view word = "CREATE DATABASE ";
        return create.starts_with(word) ? create.insert(word.size(), "IF NOT EXISTS ") : create;
    }

    void read_columns() {
        connection_.each_row(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, EXTRA FROM information_schema.COLUMNS WHERE "
            "TABLE_SCHEMA" +
                in_databases_ + " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION",
            [this](const Connection::Row& row) {
                const std::string name{row[2].value_or("")}, type{row[3].value_or("")};
                const std::string extra{row[4].value_or("")};
                const Key key{row[0].value_or(""), row[1].value_or("")};
                types_[key][name] = type;
                const bool generated =
                    extra.find("VIRTUAL GENERATED") != std::string::npos || extra.find("STORED GENERATED") != std::string::npos;
                if (!generated) columns_[key].push_back(column_of(name, type, mariadb_));
            });
    }

    void read_primary_keys() {
        connection_.each_row(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE INDEX_NAME = "
            "'PRIMARY' AND TABLE_SCHEMA" +
                in_databases_ + " ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX",
            [this](const Connection::Row& row) {
                primary_[{std::string{row[0].value_or("")}, std::string{row[1].value_or("")}}].emplace_back(row[2].value_or(""));
            });
    }

    void read_tables(const std::string& database) {
        const auto rows = connection_.query(
            "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, DATA_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
            quoted_text(database) + " ORDER BY TABLE_NAME");
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const auto& name = rows.text(row, 0);
            const auto type = rows.find(row, 1).value_or("");
            if (type == "SEQUENCE") read_sequence(database, name);
            if (type != "BASE TABLE" && type != "SYSTEM VERSIONED") continue;
            const Key key{database, name};
            LogicalTable table;
            table.database = database;
            table.name = name;
            table.create = shown("TABLE " + table.quoted(), "Create Table");
            table.columns = columns_[key];
            table.primary = primary_[key];
            table.counts = !table.primary.empty() && is_integer(types_[key][table.primary.front()]);
            table.bytes = std::stoull(rows.find(row, 3).value_or("0"));
            const auto engine = rows.find(row, 2).value_or("");
            table.transactional = is_one_of(engine, {"InnoDB", "ROCKSDB", "TokuDB", "ndbcluster"});
            if (type == "SYSTEM VERSIONED")
                schema_.left_out.push_back("The history of " + database + "." + name +
                                           ", a table with system versioning, is not in it.");
            add(path_of(database, "table", name), {"USE " + quoted_name(database), table.create});
            schema_.tables.push_back(std::move(table));
        }
    }

    void read_sequence(const std::string& database, const std::string& name) {
        const auto quoted = quoted_name(database) + "." + quoted_name(name);
        schema_.sequences.push_back({.object = schema_.objects.size(), .quoted = quoted});
        add(path_of(database, "sequence", name), {"USE " + quoted_name(database), shown("SEQUENCE " + quoted, "Create Table")});
    }

    /// The session's settings that an object was made with are part of it.
    static std::string settings_of(const Rows& rows) {
        std::string settings = "SET SESSION character_set_client = " + rows.text(0, "character_set_client") +
                               ", collation_connection = " + rows.text(0, "collation_connection");
        if (rows.has("sql_mode")) settings += ", sql_mode = " + quoted_text(rows.find(0, "sql_mode").value_or(""));
        if (rows.has("time_zone")) settings += ", time_zone = " + quoted_text(rows.find(0, "time_zone").value_or("SYSTEM"));
        return settings;
    }

    void add_made(const std::string& database, const std::string& path, const std::string& what, const std::string& column) {
        const auto rows = connection_.query("SHOW CREATE " + what);
        if (!rows.find(0, column))
            throw Error{Fault::denied, "the definition of " + what + " cannot be read"}.hint(
                mariadb_ ? "Grant SELECT on mysql.proc, or SHOW CREATE ROUTINE, to the user of this source."
                         : "Grant SHOW_ROUTINE to the user of this source.");
        add(path, {"USE " + quoted_name(database), settings_of(rows), rows.text(0, column)});
    }

    std::vector<std::string> names(const std::string& sql) {
        std::vector<std::string> found;
        const auto rows = connection_.query(sql);
        for (std::size_t row = 0; row < rows.size(); ++row) found.push_back(rows.text(row, 0));
        return found;
    }

    void read_views(const std::string& database) {
        for (const auto& name :
             names("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE = 'VIEW' AND TABLE_SCHEMA = " +
                   quoted_text(database) + " ORDER BY TABLE_NAME"))
            add_made(database, path_of(database, "view", name), "VIEW " + quoted_name(database) + "." + quoted_name(name),
                     "Create View");
    }

    void read_routines(const std::string& database) {
        const auto rows = connection_.query(
            "SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = " + quoted_text(database) +
            " ORDER BY ROUTINE_TYPE, ROUTINE_NAME");
        static const std::map<std::string, std::array<std::string, 2>, std::less<>> kinds{
            {"PROCEDURE", {"procedure", "Create Procedure"}},
            {"FUNCTION", {"function", "Create Function"}},
            {"PACKAGE", {"package", "Create Package"}},
            {"PACKAGE BODY", {"package_body", "Create Package Body"}}};
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const auto& type = rows.text(row, 1);
            const auto kind = kinds.find(type);
            if (kind == kinds.end()) continue;
            const auto& name = rows.text(row, 0);
            add_made(database, path_of(database, kind->second[0], name),
                     type + " " + quoted_name(database) + "." + quoted_name(name), kind->second[1]);
        }
    }

    /// All of a table in one file, in the order in which they fire.
    void read_triggers(const std::string& database) {
        const auto rows = connection_.query(
            "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = " +
            quoted_text(database) + " ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER");
        std::map<std::string, std::vector<std::string>> by_table;
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const auto made =
                connection_.query("SHOW CREATE TRIGGER " + quoted_name(database) + "." + quoted_name(rows.text(row, 0)));
            auto& statements = by_table[rows.text(row, 1)];
            if (statements.empty()) statements.push_back("USE " + quoted_name(database));
            statements.push_back(settings_of(made));
            statements.push_back(made.text(0, "SQL Original Statement"));
        }
        for (auto& [table, statements] : by_table) add(path_of(database, "trigger", table), std::move(statements));
    }

    void read_events(const std::string& database) {
        for (const auto& name : names("SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = " +
                                      quoted_text(database) + " ORDER BY EVENT_NAME"))
            add_made(database, path_of(database, "event", name), "EVENT " + quoted_name(database) + "." + quoted_name(name),
                     "Create Event");
    }

    Connection& connection_;
    bool mariadb_;
    LogicalSchema schema_;
    std::vector<std::string> databases_;
    std::string in_databases_;
    std::map<Key, std::vector<LogicalColumn>> columns_;
    std::map<Key, std::map<std::string, std::string>> types_;
    std::map<Key, std::vector<std::string>> primary_;
};

}  // namespace

std::string LogicalTable::quoted() const { return quoted_name(database) + "." + quoted_name(name); }
std::string LogicalTable::folder() const { return "data/" + path_component(database) + "/" + path_component(name); }

bool is_system_database(std::string_view name) {
    return is_one_of(name, {"mysql", "information_schema", "performance_schema", "sys"});
}

LogicalSchema read_schema(Connection& connection) { return SchemaReader{connection}.read(); }

void read_sequence_values(Connection& connection, LogicalSchema& schema) {
    for (const auto& [object, quoted] : schema.sequences) {
        const auto next = connection.value("SELECT next_not_cached_value FROM " + quoted);
        schema.objects[object].statements.push_back("DO SETVAL(" + quoted + ", " + next + ", 0)");
    }
}

std::string load_statement(const std::string& table, const std::vector<LogicalColumn>& columns, const std::string& file) {
    std::string list, set;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const auto& column = columns[i];
        const auto field = column.frame == "%" ? quoted_name(column.name) : "@f" + std::to_string(i);
        list += (i == 0 ? "" : ",") + field;
        if (column.frame == "%") continue;
        auto value = column.frame;
        value.replace(value.find('%'), 1, field);
        set += (set.empty() ? " SET " : ",") + quoted_name(column.name) + "=" + value;
    }
    return "LOAD DATA LOCAL INFILE " + quoted_text(file) + " INTO TABLE " + table + " CHARACTER SET binary (" + list + ")" + set;
}

std::string insert_head(const std::string& table, const std::vector<LogicalColumn>& columns) {
    std::string list;
    for (const auto& column : columns) list += (list.empty() ? "" : ",") + quoted_name(column.name);
    return "INSERT INTO " + table + " (" + list + ") VALUES ";
}

}  // namespace varve::mysql

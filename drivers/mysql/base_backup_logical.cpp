#include <algorithm>
#include <deque>
#include <thread>

#include "mysql/base_backup.hpp"
#include "mysql/logical_rows.hpp"
#include "mysql/logical_script.hpp"
#include "mysql/logical_snapshot.hpp"
#include "mysql/rights.hpp"
#include "varve/log.hpp"

namespace varve::mysql {

namespace {

constexpr std::uint64_t range_bytes = 64U << 20;
constexpr unsigned readers_min = 2, readers_max = 8;

/// Fills an entry with what plain client programs need to load a table, for a night without us.
std::string recipe_of(const LogicalTable& table) { return load_statement(table.quoted(), table.columns, "000000.tsv") + ";\n"; }

/// A line a column: its name, and what a loaded field becomes.
Bytes columns_of(const LogicalTable& table) {
    RowText rows;
    for (const auto& column : table.columns) {
        rows.add_field(column.name);
        rows.add_field(column.frame);
        rows.end_row();
    }
    return rows.take();
}

Entry entry_of(std::string path) {
    Entry entry;
    entry.path = std::move(path);
    entry.mode = 0640;
    return entry;
}

class LogicalBackup {
public:
    LogicalBackup(BackupContext context, BackupSink& sink) : context_{std::move(context)}, sink_{sink} {}

    Task<Copied> run() {
        SnapshotLimits limits;
        limits.readers = std::clamp(2 * std::thread::hardware_concurrency(), readers_min, readers_max);
        snapshot_ = co_await on_pool(blocking(), [this, limits] { return take_snapshot(context_.settings.connection, limits); });
        log(LogLevel::info, context_.source.text(), told());
        co_await on_pool(blocking(), [this] { plan(); });
        auto all = [this](TaskGroup& group) -> Task<> {
            for (auto& reader : snapshot_.readers) group.spawn(read_ranges(reader));
            co_return;
        };
        co_await in_group(all);
        co_await store_objects();
        co_return co_await on_pool(blocking(), [this] { return copied(); });
    }

private:
    asio::thread_pool& blocking() const { return context_.services.pools.blocking; }

    std::string told() const {
        return "snapshot taken: commits waited " + std::to_string(snapshot_.commits_held.count()) +
               " ms, statements that alter tables " + std::to_string(snapshot_.ddl_held.count()) + " ms";
    }

    /// The largest first, so that the readers end together.
    void plan() {
        auto& reader = snapshot_.readers.front();
        reader.execute("SAVEPOINT varve");
        std::vector<const LogicalTable*> tables;
        for (const auto& table : snapshot_.schema.tables)
            if (!table.columns.empty()) tables.push_back(&table);
        std::ranges::sort(tables, std::greater{}, &LogicalTable::bytes);
        for (const auto* table : tables) {
            std::vector<TableRange> ranges{{.table = table, .number = 0, .where = {}}};
            if (table->counts && table->bytes > range_bytes) ranges = counted_ranges(reader, *table);
            std::ranges::move(ranges, std::back_inserter(ranges_));
        }
        reader.execute("ROLLBACK TO SAVEPOINT varve");
    }

    static std::vector<TableRange> counted_ranges(Connection& reader, const LogicalTable& table) {
        claim_table(reader, table);
        const auto column = quoted_name(table.primary.front());
        const auto rows = reader.query("SELECT MIN(" + column + "), MAX(" + column + ") FROM " + table.quoted());
        const auto& first = rows.find(0, 0);
        const auto& last = rows.find(0, 1);
        // Beyond the signed numbers one range is as good.
        if (!first || !last || last->size() > 18) return {{.table = &table, .number = 0, .where = {}}};
        return ranges_of(table, std::stoll(*first), std::stoll(*last), range_bytes);
    }

    Task<> read_ranges(Connection& reader) {
        const LogicalTable* claimed = nullptr;
        co_await on_pool(blocking(), [&reader] { reader.execute("SAVEPOINT varve"); });
        while (!ranges_.empty()) {
            const auto range = std::move(ranges_.front());
            ranges_.pop_front();
            auto open = [this, &reader, &range, &claimed] {
                if (claimed != range.table) {
                    // Whoever wants to alter a table that was read need not wait for the end of the backup.
                    if (claimed != nullptr && snapshot_.releases_tables) reader.execute("ROLLBACK TO SAVEPOINT varve");
                    claim_table(reader, *range.table);
                }
                claimed = range.table;
                return std::make_unique<RangeReader>(reader, range);
            };
            const auto rows = co_await on_pool(blocking(), open);
            const auto writer = co_await sink_.open(entry_of(range.path()), ChunkProfile::stream);
            for (;;) {
                auto block = co_await on_pool(blocking(), [&rows] { return rows->next_block(); });
                if (block.empty()) break;
                co_await writer->write(std::move(block));
            }
            co_await writer->finish();
        }
        co_await on_pool(blocking(), [&reader] { reader.execute("ROLLBACK"); });
    }

    Task<> store_objects() {
        for (const auto& table : snapshot_.schema.tables) {
            auto columns = columns_of(table);
            co_await sink_.add(entry_of(table.folder() + "/columns.tsv"), std::move(columns));
            auto recipe = to_bytes(view_of(recipe_of(table)));
            co_await sink_.add(entry_of(table.folder() + "/load.sql"), std::move(recipe));
        }
        for (const auto& object : snapshot_.schema.objects) {
            auto script = to_bytes(view_of(to_script(object.statements)));
            co_await sink_.add(entry_of(object.path), std::move(script));
        }
    }

    Copied copied() {
        Copied result;
        result.coordinates = snapshot_.coordinates;
        result.stop_time = snapshot_.time;
        result.findings = std::move(snapshot_.findings);
        std::string unsafe;
        for (const auto& table : snapshot_.schema.tables)
            if (!table.transactional) unsafe += (unsafe.empty() ? "" : ", ") + table.database + "." + table.name;
        if (!unsafe.empty())
            result.findings.push_back({Finding::Level::warning,
                                       "tables without a part in the snapshot, with rows as of when they were read; log that is "
                                       "applied to them may fail or double rows: " +
                                           unsafe,
                                       "ALTER TABLE … ENGINE = InnoDB, or take physical backups."});
        for (const auto& sentence : snapshot_.schema.left_out)
            result.findings.push_back({Finding::Level::warning, sentence, "Take physical backups to have it."});
        Connection connection{context_.settings.connection};
        // What may not be seen is missing without an error.
        std::ranges::move(check_rights_to_copy(ask_rights(connection), connection.is_mariadb(), Method::logical),
                          std::back_inserter(result.findings));
        result.facts = facts_of_server(connection);
        result.facts["method"] = "logical";
        result.facts["lock_commits_ms"] = std::to_string(snapshot_.commits_held.count());
        result.facts["lock_ddl_ms"] = std::to_string(snapshot_.ddl_held.count());
        return result;
    }

    BackupContext context_;
    BackupSink& sink_;
    Snapshot snapshot_;
    std::deque<TableRange> ranges_;
};

}  // namespace

Task<Copied> back_up_logical(BackupContext context, BackupSink& sink) {
    LogicalBackup backup{std::move(context), sink};
    co_return co_await backup.run();
}

}  // namespace varve::mysql

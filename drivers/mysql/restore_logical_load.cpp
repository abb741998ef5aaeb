// Of LogicalRestore: the backup's scripts, and its tables with their rows.
#include <algorithm>
#include <deque>
#include <thread>

#include "mysql/logical_load.hpp"
#include "mysql/logical_script.hpp"
#include "mysql/restore_logical.hpp"

namespace varve::mysql {

namespace {

constexpr unsigned loaders_max = 8;
/// Below this much a key that is made with its table costs less than one that is added.
constexpr std::uint64_t late_keys_bytes = 4U << 20;

}  // namespace

Task<std::vector<std::string>> LogicalRestore::statements_in(Entry entry) {
    const auto source = base_.open(entry);
    Bytes content;
    for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) append(content, block);
    co_return statements_of(text_of(content));
}

Task<> LogicalRestore::run_scripts(const std::string& kind) {
    const auto found = content_.objects.find(kind);
    if (found == content_.objects.end()) co_return;
    for (const auto& entry : found->second) {
        const auto statements = co_await statements_in(entry);
        co_await on_pool(services_.pools.blocking, [this, &statements, &entry] {
            try {
                for (const auto& statement : statements) main_->execute(statement);
            } catch (Error& error) {
                error.during("making " + entry.path);
                throw;
            }
            prepare_to_load(*main_);
        });
    }
}

/// One may stand on another: what fails is tried again as long as others succeed.
Task<> LogicalRestore::make_views() {
    std::deque<std::vector<std::string>> scripts;
    for (const auto& entry : content_.objects["view"]) {
        auto statements = co_await statements_in(entry);
        scripts.push_back(std::move(statements));
    }
    co_await on_pool(services_.pools.blocking, [this, &scripts] {
        for (std::size_t failed = 0; !scripts.empty();) {
            auto script = std::move(scripts.front());
            scripts.pop_front();
            try {
                for (const auto& statement : script) main_->execute(statement);
                failed = 0;
            } catch (Error& error) {
                if (++failed > scripts.size()) {
                    error.during("making a view");
                    throw;
                }
                scripts.push_back(std::move(script));
            }
        }
        prepare_to_load(*main_);
    });
}

Task<> LogicalRestore::feed(const TableContent& table, RowQueue& rows) {
    try {
        for (const auto& entry : table.rows) {
            const auto source = base_.open(entry);
            for (auto block = co_await source->read(); !block.empty(); block = co_await source->read()) {
                const bool wanted = co_await rows.push(std::move(block));
                if (!wanted) co_return;
            }
        }
    } catch (...) {
        rows.abandon();
        throw;
    }
    rows.close();
}

Task<> LogicalRestore::load_table(Connection& connection, const TableContent& table, asio::thread_pool& loaders) {
    const auto script = co_await statements_in(*table.script);
    if (script.size() != 2) throw Error{Fault::corrupt, "the definition of " + table.quoted + " is not whole"};
    const auto list = base_.open(*table.columns);
    Bytes text;
    for (auto block = co_await list->read(); !block.empty(); block = co_await list->read()) append(text, block);
    const auto columns = parse_columns(text_of(text));
    const auto parts = split_table(script[1], table.bytes < late_keys_bytes ? LateKeys::foreign : LateKeys::all);
    const auto alter = "ALTER TABLE " + table.quoted + " ";
    for (const auto& key : parts.foreign_keys) foreign_keys_.push_back(alter + key);
    co_await on_pool(loaders, [&] {
        connection.execute(script[0]);
        connection.execute(parts.create);
    });
    if (!table.rows.empty()) {
        RowQueue rows{co_await asio::this_coro::executor};
        auto take = [&]() -> Task<> {
            co_await on_pool(loaders, [&] { load_rows(connection, table.quoted, columns, way_, rows); });
        };
        // What feeds is the body: it begins before what waits for it, and so a stop always reaches both.
        co_await in_group([&](TaskGroup& group) -> Task<> {
            group.spawn(take());
            co_await feed(table, rows);
        });
    }
    co_await on_pool(loaders, [&] {
        std::string all;
        for (const auto& key : parts.keys) all += (all.empty() ? "" : ", ") + key;
        if (!all.empty()) connection.execute(alter + all);
        for (const auto& key : parts.single_keys) connection.execute(alter + key);
    });
}

/// The largest first, so that all connections end together.
Task<> LogicalRestore::load_tables() {
    std::vector<const TableContent*> tables;
    for (const auto& [folder, table] : content_.tables) {
        if (!table.script || !table.columns)
            throw Error{Fault::corrupt, "the backup holds rows of " + table.quoted + " and not what makes it"};
        tables.push_back(&table);
    }
    std::ranges::sort(tables, std::greater{}, &TableContent::bytes);
    std::deque<const TableContent*> waiting{tables.begin(), tables.end()};
    const auto count = std::clamp(std::thread::hardware_concurrency() + 1, 2U, loaders_max);
    // Threads of their own: each is held for as long as a table is loaded, and what feeds it needs the common ones.
    asio::thread_pool loaders{count};
    auto one = [this, &waiting, &loaders]() -> Task<> {
        auto connection = co_await on_pool(loaders, [this] {
            auto made = std::make_unique<Connection>(settings_);
            prepare_to_load(*made);
            return made;
        });
        while (!waiting.empty()) {
            const auto* table = waiting.front();
            waiting.pop_front();
            co_await load_table(*connection, *table, loaders);
        }
    };
    co_await in_group([&](TaskGroup& group) -> Task<> {
        for (unsigned i = 0; i < count; ++i) group.spawn(one());
        co_return;
    });
    co_await on_pool(services_.pools.blocking, [this] {
        for (const auto& statement : foreign_keys_) main_->execute(statement);
    });
}

}  // namespace varve::mysql

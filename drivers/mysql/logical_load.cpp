#include "mysql/logical_load.hpp"

#include <mysql.h>

#include <algorithm>
#include <cstring>

#include "mysql/logical_text.hpp"
#include "mysql/server_error.hpp"

namespace varve::mysql {

namespace {

constexpr std::size_t insert_bytes = 1U << 20;

/// What the client library pulls from while the server runs LOAD DATA.
struct Feed {
    RowQueue& rows;
    Bytes block{};
    std::size_t at = 0;
    std::uint64_t lines = 0;
    bool failed = false;

    int read(char* into, unsigned room) {
        try {
            while (at == block.size()) {
                auto next = rows.pull();
                if (!next) return 0;
                block = std::move(*next);
                at = 0;
                lines += static_cast<std::uint64_t>(std::ranges::count(block, '\n'));
            }
        } catch (const std::exception&) {
            failed = true;
            return -1;
        }
        const auto count = std::min<std::size_t>(room, block.size() - at);
        std::memcpy(into, block.data() + at, count);
        at += count;
        return static_cast<int>(count);
    }
};

/// The server may ask for any file's name: it only ever gets the rows.
void feed_from(MYSQL* mysql, Feed& feed) {
    mysql_set_local_infile_handler(
        mysql,
        [](void** handle, const char*, void* given) {
            *handle = given;
            return 0;
        },
        [](void* handle, char* into, unsigned room) { return static_cast<Feed*>(handle)->read(into, room); }, [](void*) {},
        [](void*, char* message, unsigned room) {
            if (room > 0) std::strncpy(message, "the rows were not whole", room - 1);
            return 2000;
        },
        &feed);
}

/// What was changed on the way in is not what the source had.
void refuse_changes(Connection& connection, const std::string& table) {
    if (mysql_warning_count(connection.raw()) == 0) return;
    const auto warnings = connection.query("SHOW WARNINGS LIMIT 1");
    const auto number = warnings.empty() ? std::string{"unknown"} : warnings.text(0, 1);
    throw Error{Fault::corrupt, "the server changed values of " + table + " while it loaded them (warning " + number + ")"}.with(
        "server", warnings.empty() ? "" : warnings.text(0, 2));
}

void require_all(std::uint64_t taken, std::uint64_t given, const std::string& table) {
    if (taken == given) return;
    throw Error{Fault::corrupt,
                "of " + std::to_string(given) + " rows of " + table + " the server took " + std::to_string(taken)};
}

std::uint64_t load_from_memory(Connection& connection, const std::string& table, const std::vector<LogicalColumn>& columns,
                               RowQueue& rows) {
    Feed feed{rows};
    feed_from(connection.raw(), feed);
    const auto sql = load_statement(table, columns, "rows");
    const int failed = mysql_real_query(connection.raw(), sql.data(), sql.size());
    mysql_set_local_infile_default(connection.raw());
    if (feed.failed) throw Error{Fault::cancelled, "the rows of " + table + " were not read to their end"};
    if (failed != 0) {
        rows.abandon();
        throw error_of_session(connection.raw()).during("loading " + table);
    }
    const auto taken = mysql_affected_rows(connection.raw());
    refuse_changes(connection, table);
    require_all(taken, feed.lines, table);
    return taken;
}

std::uint64_t load_by_inserts(Connection& connection, const std::string& table, const std::vector<LogicalColumn>& columns,
                              RowQueue& rows) {
    std::vector<std::string> frames;
    for (const auto& column : columns) frames.push_back(column.frame);
    const auto head = insert_head(table, columns);
    std::uint64_t count = 0;
    std::string held;
    const auto insert = [&](std::string_view lines) {
        if (lines.empty()) return;
        connection.execute(head + insert_values(lines, frames));
        count += mysql_affected_rows(connection.raw());
        refuse_changes(connection, table);
    };
    connection.execute("START TRANSACTION");
    while (auto block = rows.pull()) {
        held.append(text_of(*block));
        while (held.size() >= insert_bytes) {
            const auto end = held.rfind('\n', insert_bytes);
            const auto cut = end == std::string::npos ? held.find('\n') : end;
            if (cut == std::string::npos) break;
            insert(std::string_view{held}.substr(0, cut + 1));
            held.erase(0, cut + 1);
        }
    }
    insert(held);
    connection.execute("COMMIT");
    return count;
}

}  // namespace

RowQueue::RowQueue(asio::any_io_executor executor) : executor_{std::move(executor)}, room_{std::make_shared<Signal>(executor_)} {}

Task<bool> RowQueue::push(Bytes block) {
    for (;;) {
        {
            const std::lock_guard lock{mutex_};
            if (abandoned_) co_return false;
            if (blocks_.size() < blocks_max) {
                blocks_.push_back(std::move(block));
                changed_.notify_all();
                co_return true;
            }
        }
        co_await room_->wait();
    }
}

/// Posted, so it cannot come between the look that found no room and the wait for it.
void RowQueue::tell_pusher() {
    asio::post(executor_, [room = room_] { room->notify(); });
}

void RowQueue::close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    changed_.notify_all();
}

std::optional<Bytes> RowQueue::pull() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return abandoned_ || closed_ || !blocks_.empty(); });
    if (abandoned_) throw Error{Fault::cancelled, "the rows were given up"};
    if (blocks_.empty()) return std::nullopt;
    auto block = std::move(blocks_.front());
    blocks_.pop_front();
    tell_pusher();
    return block;
}

void RowQueue::abandon() {
    const std::lock_guard lock{mutex_};
    abandoned_ = true;
    changed_.notify_all();
    tell_pusher();
}

void prepare_to_load(Connection& connection) {
    // Without notes every warning that is left is one of a changed value. MariaDB takes unique_checks = 0 for leave to sort what
    // comes through temporary files: rows in the order of the key cost it more so.
    const std::string checks = connection.is_mariadb() ? "1" : "0";
    connection.execute("SET SESSION sql_log_bin = 0, foreign_key_checks = 0, unique_checks = " + checks +
                       ", sql_notes = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+00:00', "
                       "net_read_timeout = 86400, net_write_timeout = 86400, wait_timeout = 31536000, innodb_strict_mode = 0");
    connection.execute("SET NAMES utf8mb4");
    if (connection.is_mariadb()) connection.execute("SET SESSION check_constraint_checks = 0");
}

std::uint64_t load_rows(Connection& connection, const std::string& table, const std::vector<LogicalColumn>& columns, LoadWay way,
                        RowQueue& rows) {
    try {
        return way == LoadWay::local_infile ? load_from_memory(connection, table, columns, rows)
                                            : load_by_inserts(connection, table, columns, rows);
    } catch (...) {
        rows.abandon();
        throw;
    }
}

std::vector<LogicalColumn> parse_columns(std::string_view text) {
    std::vector<LogicalColumn> columns;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto tab = line.find('\t');
        if (tab == std::string_view::npos) throw Error{Fault::corrupt, "a table's list of columns cannot be understood"};
        LogicalColumn column;
        for (std::size_t i = 0; i < tab; ++i) {
            if (line[i] != '\\' || i + 1 == tab) {
                column.name += line[i];
                continue;
            }
            const char letter = line[++i];
            column.name += letter == 't' ? '\t' : letter == 'n' ? '\n' : letter == '0' ? '\0' : letter;
        }
        column.frame = line.substr(tab + 1);
        columns.push_back(std::move(column));
    }
    return columns;
}

}  // namespace varve::mysql

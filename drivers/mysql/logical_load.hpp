/// Rows on their way into a server: LOAD DATA LOCAL out of memory, or INSERT where a server takes no such thing.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mysql/connection.hpp"
#include "mysql/logical_schema.hpp"
#include "varve/async.hpp"
#include "varve/bytes.hpp"

namespace varve::mysql {

/// Blocks of rows between the task that reads them and the thread that gives them to the server. pull() blocks a thread, which
/// must be none that the task needs to go on; push() waits on the io thread and takes none. close() and abandon() may come from
/// any thread. The task that pushes ends before this does.
class RowQueue {
public:
    explicit RowQueue(asio::any_io_executor executor);
    /// False: nobody wants more.
    Task<bool> push(Bytes block);
    /// No more will come: the rows are whole.
    void close();
    /// Nothing: they have ended. Throws Fault::cancelled when they were abandoned.
    std::optional<Bytes> pull();
    /// The rows will never be whole, or nobody takes them any more.
    void abandon();

private:
    void tell_pusher();

    static constexpr std::size_t blocks_max = 4;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Bytes> blocks_;
    bool closed_ = false, abandoned_ = false;
    asio::any_io_executor executor_;
    std::shared_ptr<Signal> room_;  ///< shared with what was posted to the io thread
};

/// What a loading session needs to be told once. `binlog`: false keeps what it does out of the server's log.
void prepare_to_load(Connection& connection);

enum class LoadWay { local_infile, insert };

/// Loads what `rows` gives into an empty table, within one statement or a transaction. Gives how many rows. Fault::corrupt when
/// the server took another number of them than there were, or had to change one.
std::uint64_t load_rows(Connection& connection, const std::string& table, const std::vector<LogicalColumn>& columns, LoadWay way,
                        RowQueue& rows);

/// As stored beside a table's rows: a line a column.
std::vector<LogicalColumn> parse_columns(std::string_view text);

}  // namespace varve::mysql

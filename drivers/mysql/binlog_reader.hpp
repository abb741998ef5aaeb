/// A thread of its own that reads a server's binlog and hands over what it read, a bounded amount ahead of whoever takes it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "mysql/binlog_dump.hpp"
#include "mysql/binlog_tracker.hpp"
#include "varve/async.hpp"

namespace varve::mysql {

/// io thread. Ended by stop(), which must be awaited before this goes.
class BinlogReader {
public:
    /// `clock_offset`: from our clock to the server's.
    BinlogReader(asio::any_io_executor executor, std::unique_ptr<BinlogDump> dump, BinlogTracker tracker,
                 std::chrono::microseconds clock_offset);
    ~BinlogReader();

    /// What came next, in order; nothing at the log's end. What the reader failed with is thrown behind everything that it had
    /// read before. Fault::cancelled.
    Task<std::optional<BinlogPiece>> next();
    /// Cuts the connection and waits for the thread.
    Task<> stop(Pools& pools);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve::mysql

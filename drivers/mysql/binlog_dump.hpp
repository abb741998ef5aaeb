/// A server's binlog as a stream of events: the replication command, and the packets that answer it. Blocks.
///
/// Packets are read beneath the client library's own event parser, which stops at types that it does not know and acknowledges
/// what is not stored yet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mysql/binlog_place.hpp"
#include "mysql/connection.hpp"
#include "varve/bytes.hpp"

namespace varve::mysql {

struct DumpRequest {
    BinlogPlace from{};           ///< an offset below 5 or beyond 4 GiB: from the file's begin
    std::uint32_t server_id = 0;  ///< that no server and no other replica of this one has
    bool to_end = false;          ///< ends where the log ends, instead of waiting for more
};

class BinlogDump {
public:
    /// Where the server begins: what was asked for, or 4.
    static std::uint64_t first_offset(std::uint64_t wanted);
    /// A server that has nothing to send says so in this rhythm.
    static constexpr std::chrono::seconds heartbeat{1};
    static constexpr std::chrono::seconds silence_max{20};

    BinlogDump(ConnectionSettings settings, const DumpRequest& request);

    /// The next event, valid until the next call; nothing at the end. Fault::missing: the server does not have what was asked
    /// for. Fault::conflict (exit 11): another replica has our server id.
    std::optional<ByteView> next();
    /// Nothing has come that was not given out, as far as can be seen without waiting.
    bool is_drained() const;
    void interrupt() noexcept { connection_.interrupt(); }

private:
    Connection connection_;
    std::uint32_t server_id_;
};

/// A number that is most likely nobody's.
std::uint32_t random_server_id();

}  // namespace varve::mysql

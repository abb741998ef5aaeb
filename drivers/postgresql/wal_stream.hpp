/// The physical replication stream: log as the server writes it, and what we tell the server in return.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "postgresql/connection.hpp"
#include "postgresql/lsn.hpp"
#include "varve/bytes.hpp"
#include "varve/clock.hpp"

namespace varve::postgresql {

/// Contiguous log from `at` on; never crosses a segment's end.
struct WalData {
    Lsn at = 0;
    Bytes bytes;
    Lsn server_end = 0;  ///< where the server's durable log ended when it sent this
    Instant sent_at;     ///< by the server's clock
};
/// The server says how far it has sent, and may want to hear how far we are: now and then, and when it shuts down.
struct WalKeepalive {
    Lsn sent = 0;
    bool reply_wanted = false;
    Instant sent_at;  ///< by the server's clock
};
/// The timeline that was streamed is over; the next one leaves it at `at`. The session can start another stream.
struct WalTimelineEnd {
    std::uint32_t next_timeline = 0;
    Lsn at = 0;
};
using WalMessage = std::variant<WalData, WalKeepalive, WalTimelineEnd>;

struct WalStart {
    std::optional<std::string> slot;
    std::uint32_t timeline = 1;
    Lsn from = 0;
};

/// The server ended a stream in good order.
Error server_stopped();

/// One stream on a replication session, which it borrows. io thread only. next() belongs to one task; beside it runs
/// keep_alive().
class WalStream {
public:
    static constexpr std::chrono::milliseconds status_pause_min{100};  ///< between two statuses that say the same
    /// At the latest after this the server is told, and asked, how far it is: so an idle one is known to be idle.
    static constexpr std::chrono::seconds status_pause_max{1};

    WalStream(Session& session, std::uint64_t segment_bytes, Clock& clock);

    /// START_REPLICATION … PHYSICAL. Fault::conflict: the slot is in use.
    Task<> start(WalStart start);
    /// The next message, in order; nothing when `pause` passed first or the session was woken. Errors: Fault::missing (58P01):
    /// the log is not on the server any more; Fault::unreachable: cut, or stopped; Fault::corrupt.
    Task<std::optional<WalMessage>> next(std::chrono::microseconds pause);

    /// What may be forgotten by the server: written, flushed and applied. 0: nothing yet, and the slot stays where it is.
    void acknowledge(Lsn durable);
    /// A keepalive wanted a reply: it goes out now, or status_pause_min after the last one. An immediate answer to each would be
    /// answered by the next, tens of thousands a second, while a server waits for us to shut down.
    void answer();
    /// Sends the statuses, until it is stopped. Runs beside the reader, so that a slow archive does not time the connection out.
    Task<> keep_alive();

    /// The end of what was received.
    Lsn received() const noexcept { return received_; }

private:
    WalMessage decode(ByteView message);
    WalData take_data(Bytes bytes);
    Task<WalMessage> end_of_stream();
    enum class Reply { not_wanted, wanted };
    void send_status(Reply reply);

    Session& session_;
    std::uint64_t segment_bytes_;
    Clock& clock_;
    Lsn received_ = 0;
    Lsn server_end_ = 0;
    Instant sent_at_;
    Bytes held_;                 ///< received, beyond the end of the segment given last
    std::size_t unyielded_ = 0;  ///< bytes given since other tasks had their turn

    Lsn durable_ = 0;
    Lsn told_ = 0;
    bool answer_due_ = false;
    bool lost_ = false;
    std::chrono::steady_clock::time_point told_at_;
    Signal status_due_;
};

}  // namespace varve::postgresql

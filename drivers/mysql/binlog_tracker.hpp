/// Turns the events that a server streams into the bytes of its binlog files, and proves on the way that none is missing.
/// Pure: events in, pieces out; it knows no socket and no archive.
///
/// What a server streams is its files, event by event, and between them what it makes up for a replica: ROTATE events that say
/// which file follows, heartbeats, and a copy of the format event where reading begins inside a file. Those are left out; what
/// remains, behind the magic of each file, is the file.
///
/// The proofs: each event ends where it says (log_pos, modulo 2^32); a file that was left by a ROTATE is followed by the one it
/// names, any other by the next number; and the transactions that a file says came before it are those that were seen.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mysql/binlog_event.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

/// Tells a file from another one of the same name: when it was begun, and a hash of its first two events.
using Fingerprint = std::string;

/// Consecutive whole events of one file.
struct BinlogPiece {
    std::string file;
    std::uint64_t from = 0, to = 0;          ///< offsets in it
    Bytes bytes;                             ///< the magic first, when from is 0
    std::vector<Moment> moments;             ///< `at` is an offset, too
    std::optional<std::string> gtids;        ///< what the log has up to `to`; nothing: not known
    std::optional<Fingerprint> fingerprint;  ///< with the piece that begins a file
    std::optional<Instant> known_through;    ///< every commit up to then, by the server's clock, lies before `to`
};

struct TrackerStart {
    BinlogPlace place{};           ///< offset 0: from the file's begin
    std::optional<Gtids> gtids{};  ///< what the log has up to there
};

/// When an event came, by the server's clock; nothing while the server sends what it has kept.
using Received = std::optional<Instant>;

/// What an event was.
enum class Seen {
    part_of_file,
    heartbeat,  ///< the server has nothing to send
    made_up,    ///< for replicas, to find their way
};

/// A proof that failed is Fault::missing: what came before cannot be joined to what comes now. Fault::corrupt: an event is
/// damaged.
class BinlogTracker {
public:
    explicit BinlogTracker(TrackerStart start);

    /// One event as it came.
    Seen feed(ByteView event, Received received);
    /// What comes next was committed before `now`, whatever it says itself: a session may set its time.
    void hear_at(Instant now) noexcept { now_ = now; }
    /// What was collected since, a piece a file; pieces without bytes only tell known_through.
    std::vector<BinlogPiece> take();
    std::size_t held() const noexcept { return held_; }
    /// The server had nothing more to send at `time`, by its clock.
    void idle_at(Instant time);

    /// The end of what was taken.
    BinlogPlace place() const { return {file_, offset_}; }
    /// An event with a wrong checksum that ends there is the server's own damage, and is taken as it is.
    void accept_damage_at(BinlogPlace end) { accepted_damage_ = std::move(end); }

private:
    struct Open {
        TransactionHead head{};
        std::uint64_t end = 0;  ///< offset, when the head tells it
        Instant newest_event;
    };

    void go_to(const BinlogPlace& next);
    void begin_file(const EventHeader& header, ByteView event);
    void take_event(const EventHeader& header, ByteView event, Received received);
    void require_chain(const EventHeader& header) const;
    void check_sum(const EventHeader& header, ByteView event) const;
    void compare_gtids(const EventHeader& header, ByteView event);
    void follow_transaction(const EventHeader& header, ByteView event, Received received);
    void end_transaction(Instant time);
    void tell_gtids();
    BinlogPiece& piece();

    std::string file_;
    std::uint64_t offset_ = 0;
    bool positioned_ = false;  ///< the server said where it begins
    bool resuming_ = false;    ///< nothing of the file came yet since then, and it is not its begin
    bool at_begin_ = false;    ///< the file's first event comes next
    bool has_checksums_ = true;
    std::optional<std::string> announced_;  ///< by the ROTATE that ended the file
    std::optional<Bytes> format_event_;     ///< of a file whose second event has not come yet
    std::optional<Gtids> gtids_;
    std::optional<Open> transaction_;
    std::optional<Instant> now_;  ///< by the server's clock
    std::optional<BinlogPlace> accepted_damage_;
    std::vector<BinlogPiece> pieces_;
    std::size_t held_ = 0;
};

}  // namespace varve::mysql

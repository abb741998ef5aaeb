/// Walks write-ahead log as it streams by and tells where transactions ended. Knows PostgreSQL 13 to 18; no I/O, flat memory.
///
/// The log is pages of 8 KiB. Each begins with a header of 24 bytes (40 at the start of a segment); records of any length run
/// on from page to page, each beginning at a multiple of 8:
///
///     | header | …end of a record | record | record | beginning of a rec- | header | -ord | …
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "postgresql/lsn.hpp"
#include "varve/bytes.hpp"
#include "varve/clock.hpp"

namespace varve::postgresql {

/// A commit or an abort.
struct WalTransaction {
    std::uint32_t xid = 0;  ///< 0: not told (a prepared transaction with tens of thousands of subtransactions)
    Lsn begin = 0;          ///< of its record
    Lsn end = 0;            ///< just after its record, where the next one may begin
    Instant time;           ///< as the record carries it: recovery_target_time compares with this
    bool committed = true;
    friend bool operator==(const WalTransaction&, const WalTransaction&) = default;
};

/// pg_create_restore_point()
struct WalRestorePoint {
    std::string name;
    Lsn begin = 0, end = 0;
    Instant time;
    friend bool operator==(const WalRestorePoint&, const WalRestorePoint&) = default;
};

/// CREATE TABLESPACE: replay links to `location` again and makes the cluster's folder there.
struct WalTablespace {
    std::uint32_t oid = 0;
    std::string location;  ///< empty: in place, below the data directory
    Lsn begin = 0;
    friend bool operator==(const WalTablespace&, const WalTablespace&) = default;
};

/// The server was started with other limits: a standby that has one of them lower stops there.
struct WalLimits {
    std::int32_t max_connections = 0, max_worker_processes = 0, max_wal_senders = 0, max_prepared_transactions = 0,
                 max_locks_per_transaction = 0;
    Lsn begin = 0;
    friend bool operator==(const WalLimits&, const WalLimits&) = default;
};

/// A place where the bytes are no log. The walk goes on at the next page.
struct WalDamage {
    Lsn at = 0;
    std::string what;
    friend bool operator==(const WalDamage&, const WalDamage&) = default;
};

/// What ended within the bytes fed since the last take().
struct WalEvents {
    std::vector<WalTransaction> transactions;
    std::vector<WalRestorePoint> restore_points;
    std::vector<WalTablespace> tablespaces;
    std::vector<WalLimits> limits;
    std::vector<WalDamage> damages;  ///< the first `WalWalker::damages_max`
    std::uint64_t records = 0;
    Lsn last_whole = 0;  ///< start of the last record that is whole; 0: none
    Lsn last_end = 0;    ///< its end
    Lsn watched = 0;     ///< start of the first whole record at or after what watch() named; 0: it did not come yet
    friend bool operator==(const WalEvents&, const WalEvents&) = default;
};

/// Fed with contiguous bytes, cut anywhere. One task at a time; any thread.
class WalWalker {
public:
    static constexpr std::size_t damages_max = 16;
    static constexpr std::size_t kept_bytes_max = 64u << 10;

    /// `from` is the start of a page (what runs over from an earlier page is skipped) or of a record.
    WalWalker(Lsn from, std::uint64_t segment_bytes);

    /// See WalEvents::watched.
    void watch(Lsn at) noexcept { watch_ = at; }
    void feed(ByteView bytes);
    WalEvents take();
    /// The end of what was fed.
    Lsn position() const noexcept { return at_; }

private:
    enum class State { page_header, record_header, record_body, padding, skipping, to_next_page, to_segment_end };

    std::size_t step(ByteView bytes);
    std::size_t read_page_header(ByteView bytes);
    void enter_page();
    void resume_record(std::uint16_t info, std::uint32_t remaining);
    void start_after(std::uint16_t info, std::uint32_t remaining);
    std::size_t read_record_header(ByteView bytes);
    void enter_record();
    std::size_t read_body(ByteView bytes);
    void end_record();
    bool crc_is_right() const;
    void note();
    void note_end_of_transaction(ByteView data);
    void damaged(Lsn at, std::string what);
    void to_record_start();
    std::size_t pass(ByteView bytes, std::uint64_t most);
    std::uint64_t left_on_page() const noexcept { return wal_page_bytes - at_ % wal_page_bytes; }
    bool inside_record() const noexcept;

    std::uint64_t segment_bytes_;
    Lsn at_;
    State state_;
    State after_header_;           ///< what the page header interrupted
    Bytes header_;                 ///< of the page or the record, while it is incomplete
    std::uint64_t skip_ = 0;       ///< bytes of a continuation or padding still to pass
    bool stats_are_wide_ = false;  ///< PostgreSQL 18 on: statistics items have 16 bytes

    // The record under way.
    Bytes record_header_;
    Bytes kept_;  ///< the beginning of its body, for the kinds that are looked into
    bool keeps_ = false;
    Lsn record_begin_ = 0;
    std::uint64_t body_left_ = 0;
    std::uint32_t crc_ = 0;

    Lsn previous_ = 0;  ///< start of the record before; 0: unknown
    Lsn watch_ = UINT64_MAX;
    WalEvents events_;
};

}  // namespace varve::postgresql

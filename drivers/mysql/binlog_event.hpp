/// Events of a binlog, as far as an archiver has to understand them: where one ends, which file comes next, which transaction it
/// belongs to. Everything else is bytes, types that nobody knows yet among them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mysql/binlog_place.hpp"
#include "mysql/gtids.hpp"
#include "varve/bytes.hpp"
#include "varve/clock.hpp"

namespace varve::mysql {

inline constexpr std::size_t event_header_bytes = 19;
inline constexpr std::size_t checksum_bytes = 4;

enum class EventType : std::uint8_t {
    query = 2,
    stop = 3,
    rotate = 4,
    intvar = 5,
    rand = 13,
    user_var = 14,
    format_description = 15,
    xid = 16,
    heartbeat = 27,
    rows_query = 29,
    mysql_gtid = 33,
    mysql_anonymous_gtid = 34,
    mysql_previous_gtids = 35,
    xa_prepare = 38,
    heartbeat_v2 = 41,
    mysql_tagged_gtid = 42,
    mariadb_annotate_rows = 160,
    mariadb_gtid = 162,
    mariadb_gtid_list = 163,
    mariadb_start_encryption = 164,
    mariadb_query_compressed = 165,
};

struct EventHeader {
    static constexpr std::uint16_t in_use = 0x1, artificial = 0x20;

    std::uint32_t time = 0;  ///< seconds since 1970
    EventType type{};
    std::uint32_t server_id = 0;
    std::uint32_t length = 0;
    std::uint32_t log_pos = 0;  ///< where the event ends in its file, modulo 2^32
    std::uint16_t flags = 0;

    bool is_artificial() const noexcept { return (flags & artificial) != 0; }
};

/// Fault::corrupt unless `event` is one whole event.
EventHeader parse_header(ByteView event);

/// What the first event of a file says of the others.
struct FormatDescription {
    std::string server_version;
    bool has_checksums = false;  ///< a CRC-32 ends each event
};
FormatDescription parse_format_description(ByteView event);

/// CRC-32 as zlib has it.
std::uint32_t crc32(ByteView bytes, std::uint32_t so_far = 0);
/// Whether the event's last four bytes are the CRC-32 of the rest.
bool has_right_checksum(ByteView event);

/// The file that a ROTATE names, and where in it reading goes on. One that was made up for us may or may not end in a checksum,
/// whatever the format says: it does when it fits.
BinlogPlace parse_rotate(ByteView event, bool has_checksum);

/// The head of a transaction.
struct TransactionHead {
    std::optional<MysqlGtid> mysql{};  ///< none: anonymous, or of a form that is not known
    std::optional<MariadbGtid> mariadb{};
    bool is_one_statement = false;       ///< MariaDB: no COMMIT ends it
    std::uint64_t length = 0;            ///< of all its events, this one included; 0: not told
    std::optional<Instant> committed{};  ///< MySQL: when, by the server's clock
};
/// Nothing when the event is not the head of a transaction.
std::optional<TransactionHead> find_transaction_head(const EventHeader& header, ByteView event);

/// Whether this is how a transaction ends, when its head did not tell where.
bool ends_transaction(const EventHeader& header, ByteView event, bool is_one_statement);

/// Of PREVIOUS_GTIDS or GTID_LIST. Nothing for other events, and for a form that is not known.
std::optional<Gtids> find_gtids_before(const EventHeader& header, ByteView event, bool has_checksum);

}  // namespace varve::mysql

#include "mysql/binlog_event.hpp"

#include <zlib.h>

#include <algorithm>
#include <string_view>

#include "mysql/little_endian.hpp"
#include "mysql/tagged_gtid.hpp"

namespace varve::mysql {

namespace {

constexpr std::uint64_t time_mask = (1ULL << 55) - 1;  ///< of a commit time: above it, whether another one follows

ByteView body_of(ByteView event) { return event.subspan(event_header_bytes); }

ByteView without_checksum(ByteView event, bool has_checksum) {
    if (!has_checksum) return event;
    if (event.size() < event_header_bytes + checksum_bytes) throw Error{Fault::corrupt, "an event has no room for its checksum"};
    return event.first(event.size() - checksum_bytes);
}

Instant at_microsecond(std::uint64_t microseconds) {
    return Instant{std::chrono::microseconds{static_cast<std::int64_t>(microseconds)}};
}

TransactionHead parse_mysql_gtid(const EventHeader& header, ByteView event) {
    LittleEndianReader reader{body_of(event)};
    TransactionHead head;
    reader.byte();  // flags
    MysqlGtid gtid;
    std::ranges::copy(reader.take(gtid.source.uuid.size()), gtid.source.uuid.begin());
    gtid.number = reader.number(8);
    if (header.type == EventType::mysql_gtid) head.mysql = gtid;
    const bool has_logical_times = reader.left() >= 17 + 7 && reader.byte() == 2;
    if (!has_logical_times) return head;
    reader.take(16);
    const auto committed = reader.number(7);
    if (const auto time = committed & time_mask; time != 0) head.committed = at_microsecond(time);
    if ((committed & ~time_mask) != 0) reader.take(7);
    if (reader.left() > checksum_bytes) head.length = reader.packed();
    return head;
}

TransactionHead parse_mariadb_gtid(const EventHeader& header, ByteView event) {
    LittleEndianReader reader{body_of(event)};
    MariadbGtid gtid;
    gtid.number = reader.number(8);
    gtid.domain = static_cast<std::uint32_t>(reader.number(4));
    gtid.server = header.server_id;
    const auto flags = reader.byte();
    TransactionHead head;
    head.mariadb = gtid;
    head.is_one_statement = (flags & 1) != 0;
    return head;
}

/// The statement of a QUERY event.
std::string_view statement_of(ByteView event) {
    LittleEndianReader reader{body_of(event)};
    reader.take(8);  // session and seconds
    const auto database = reader.byte();
    reader.take(2);  // error
    const auto status = reader.number(2);
    reader.take(status + database + 1);
    return text_of(reader.take(reader.left()));
}

bool is_prefix(EventType type) {
    return type == EventType::intvar || type == EventType::rand || type == EventType::user_var || type == EventType::rows_query ||
           type == EventType::mariadb_annotate_rows;
}

GtidState parse_gtid_list(ByteView event) {
    LittleEndianReader reader{body_of(event)};
    GtidState state;
    for (auto left = reader.number(4) & 0x0fffffff; left > 0; --left) {
        MariadbGtid gtid;
        gtid.domain = static_cast<std::uint32_t>(reader.number(4));
        gtid.server = static_cast<std::uint32_t>(reader.number(4));
        gtid.number = reader.number(8);
        state.add(gtid);
    }
    return state;
}

}  // namespace

EventHeader parse_header(ByteView event) {
    LittleEndianReader reader{event};
    EventHeader header;
    header.time = static_cast<std::uint32_t>(reader.number(4));
    header.type = static_cast<EventType>(reader.byte());
    header.server_id = static_cast<std::uint32_t>(reader.number(4));
    header.length = static_cast<std::uint32_t>(reader.number(4));
    header.log_pos = static_cast<std::uint32_t>(reader.number(4));
    header.flags = static_cast<std::uint16_t>(reader.number(2));
    if (header.length != event.size())
        throw Error{Fault::corrupt, "an event of the binlog says it has " + std::to_string(header.length) + " bytes, and has " +
                                        std::to_string(event.size())};
    return header;
}

FormatDescription parse_format_description(ByteView event) {
    LittleEndianReader reader{body_of(event)};
    FormatDescription format;
    if (reader.number(2) != 4) throw Error{Fault::unsupported, "the binlog has a format older than MySQL 5.0"};
    const auto version = text_of(reader.take(50));
    format.server_version = version.substr(0, version.find('\0'));
    reader.take(4);  // when the server started
    if (reader.byte() != event_header_bytes) throw Error{Fault::unsupported, "the binlog has event headers of an unknown form"};
    if (reader.left() < 1 + checksum_bytes) throw Error{Fault::unsupported, "the binlog is of a server that knows no checksums"};
    reader.take(reader.left() - 1 - checksum_bytes);
    const auto algorithm = reader.byte();
    if (algorithm > 1) throw Error{Fault::unsupported, "the binlog has checksums of an unknown kind"};
    format.has_checksums = algorithm == 1;
    return format;
}

std::uint32_t crc32(ByteView bytes, std::uint32_t so_far) {
    return static_cast<std::uint32_t>(::crc32_z(so_far, bytes.data(), bytes.size()));
}

bool has_right_checksum(ByteView event) {
    if (event.size() < event_header_bytes + checksum_bytes) return false;
    const auto body = event.first(event.size() - checksum_bytes);
    return crc32(body) == LittleEndianReader{event.last(checksum_bytes)}.number(checksum_bytes);
}

BinlogPlace parse_rotate(ByteView event, bool has_checksum) {
    LittleEndianReader reader{body_of(without_checksum(event, has_checksum))};
    BinlogPlace place;
    place.offset = reader.number(8);
    place.file = text_of(reader.take(reader.left()));
    // Servers name their files with the directory when log_bin was set with one.
    if (const auto slash = place.file.rfind('/'); slash != std::string::npos) place.file.erase(0, slash + 1);
    if (place.file.empty()) throw Error{Fault::corrupt, "the binlog names no next file"};
    return place;
}

std::optional<TransactionHead> find_transaction_head(const EventHeader& header, ByteView event) {
    switch (header.type) {
        case EventType::mysql_gtid:
        case EventType::mysql_anonymous_gtid:
            return parse_mysql_gtid(header, event);
        case EventType::mysql_tagged_gtid:
            return parse_tagged_gtid(body_of(event));
        case EventType::mariadb_gtid:
            return parse_mariadb_gtid(header, event);
        default:
            return std::nullopt;
    }
}

bool ends_transaction(const EventHeader& header, ByteView event, bool is_one_statement) {
    if (header.type == EventType::xid || header.type == EventType::xa_prepare) return true;
    if (is_one_statement) return !is_prefix(header.type);
    if (header.type != EventType::query) return false;
    const auto statement = statement_of(event);
    return statement.starts_with("COMMIT") || statement.starts_with("ROLLBACK") ? !statement.starts_with("ROLLBACK TO") : false;
}

std::optional<Gtids> find_gtids_before(const EventHeader& header, ByteView event, bool has_checksum) {
    if (header.type == EventType::mariadb_gtid_list) return Gtids{parse_gtid_list(event)};
    if (header.type != EventType::mysql_previous_gtids) return std::nullopt;
    if (auto set = find_previous_gtids(body_of(without_checksum(event, has_checksum)))) return Gtids{std::move(*set)};
    return std::nullopt;
}

}  // namespace varve::mysql

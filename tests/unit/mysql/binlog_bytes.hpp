/// Events of a binlog, made by hand.
#pragma once

#include <cstdint>
#include <string>

#include "mysql/binlog_event.hpp"
#include "varve/bytes.hpp"

namespace varve::mysql::test {

inline void put(Bytes& into, std::uint64_t number, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i, number >>= 8) into.push_back(static_cast<std::uint8_t>(number));
}

struct EventOptions {
    std::uint32_t time = 1'764'000'000;
    std::uint32_t server_id = 7;
    std::uint16_t flags = 0;
    bool has_checksum = true;
};

/// An event that ends at `end` of its file.
inline Bytes event(EventType type, ByteView body, std::uint64_t end, EventOptions options = {}) {
    const auto length = event_header_bytes + body.size() + (options.has_checksum ? checksum_bytes : 0);
    Bytes bytes;
    put(bytes, options.time, 4);
    bytes.push_back(static_cast<std::uint8_t>(type));
    put(bytes, options.server_id, 4);
    put(bytes, length, 4);
    put(bytes, end, 4);
    put(bytes, options.flags, 2);
    append(bytes, body);
    if (options.has_checksum) put(bytes, crc32(bytes), 4);
    return bytes;
}

/// A file as it grows: each event is put where the one before ended.
class FileMaker {
public:
    explicit FileMaker(std::string name, std::uint64_t offset = 4) : name_{std::move(name)}, offset_{offset} {}

    const std::string& name() const noexcept { return name_; }
    std::uint64_t offset() const noexcept { return offset_; }
    /// Magic and all events so far.
    const Bytes& bytes() const noexcept { return bytes_; }
    bool checksums = true;

    Bytes add(EventType type, ByteView body, EventOptions options = {}) {
        options.has_checksum = checksums || type == EventType::format_description;
        offset_ += event_header_bytes + body.size() + (options.has_checksum ? checksum_bytes : 0);
        auto made = event(type, body, offset_, options);
        append(bytes_, made);
        return made;
    }

    Bytes format(std::uint32_t time = 1'764'000'000) {
        Bytes body;
        put(body, 4, 2);
        std::string version = "10.11.19-MariaDB-log";
        version.resize(50, '\0');
        append(body, view_of(version));
        put(body, 0, 4);
        put(body, event_header_bytes, 1);
        body.resize(body.size() + 40);
        body.push_back(checksums ? 1 : 0);
        EventOptions options;
        options.time = time;
        return add(EventType::format_description, body, options);
    }
    /// MariaDB's.
    Bytes gtid_list(const std::vector<MariadbGtid>& gtids) {
        Bytes body;
        put(body, gtids.size(), 4);
        for (const auto& gtid : gtids) {
            put(body, gtid.domain, 4);
            put(body, gtid.server, 4);
            put(body, gtid.number, 8);
        }
        return add(EventType::mariadb_gtid_list, body);
    }
    Bytes gtid(MariadbGtid gtid, bool one_statement = false, std::uint32_t time = 1'764'000'000) {
        Bytes body;
        put(body, gtid.number, 8);
        put(body, gtid.domain, 4);
        body.push_back(one_statement ? 1 : 0);
        body.resize(body.size() + 6);
        return add(EventType::mariadb_gtid, body, {.time = time, .server_id = gtid.server});
    }
    Bytes query(const std::string& statement, std::uint32_t time = 1'764'000'000) {
        Bytes body(13);
        body[8] = 0;
        body.push_back('\0');  // no database
        append(body, view_of(statement));
        return add(EventType::query, body, {.time = time});
    }
    Bytes xid(std::uint32_t time = 1'764'000'000) { return add(EventType::xid, Bytes(8), {.time = time}); }
    Bytes rotate(const std::string& next) {
        Bytes body;
        put(body, 4, 8);
        append(body, view_of(next));
        return add(EventType::rotate, body);
    }

private:
    std::string name_;
    std::uint64_t offset_;
    Bytes bytes_{0xfe, 'b', 'i', 'n'};
};

/// What a server makes up for a replica.
inline Bytes made_up_rotate(const std::string& file, std::uint64_t offset, bool has_checksum = true) {
    Bytes body;
    put(body, offset, 8);
    append(body, view_of(file));
    return event(EventType::rotate, body, 0, {.time = 0, .flags = EventHeader::artificial, .has_checksum = has_checksum});
}
inline Bytes heartbeat(const std::string& file, std::uint64_t offset) {
    return event(EventType::heartbeat, view_of(file), offset, {.time = 0});
}
/// The copy of a file's format event that comes when reading begins inside it.
inline Bytes resume_format(bool checksums = true) {
    FileMaker maker{"x"};
    maker.checksums = checksums;
    auto bytes = maker.format();
    for (std::size_t i = 0; i < 4; ++i) bytes[13 + i] = 0;
    bytes.resize(bytes.size() - checksum_bytes);
    put(bytes, crc32(bytes), 4);
    return bytes;
}

}  // namespace varve::mysql::test

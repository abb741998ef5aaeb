/// Writes log as PostgreSQL lays it out, record by record, for tests of what reads it.
#pragma once

#include <algorithm>
#include <cstring>
#include <string_view>

#include "postgresql/wal_records.hpp"
#include "varve/check.hpp"

namespace varve::test {

class WalBuilder {
public:
    explicit WalBuilder(postgresql::Lsn from, std::uint64_t segment_bytes = 1u << 20, std::uint16_t magic = 0xD110)
        : from_{from}, segment_bytes_{segment_bytes}, magic_{magic} {}

    postgresql::Lsn position() const { return from_ + bytes_.size(); }
    postgresql::Lsn last_record() const { return previous_; }
    const Bytes& bytes() const { return bytes_; }
    Bytes& bytes() { return bytes_; }

    /// A record of any kind; gives where it begins.
    postgresql::Lsn record(std::uint8_t manager, std::uint8_t info, const Bytes& body, std::uint32_t xid = 0) {
        if (position() % postgresql::wal_page_bytes == 0) page_header(0);
        const auto begin = position();
        Bytes whole = header(manager, info, body, xid);
        append(whole, body);
        write(whole);
        while (position() % 8 != 0) bytes_.push_back(0);
        previous_ = begin;
        return begin;
    }
    /// Filler: a record of which nobody looks into the body.
    postgresql::Lsn other(std::size_t body_bytes) { return record(10, 0, data_of(Bytes(body_bytes, 0x5a))); }

    postgresql::WalTransaction transaction(std::uint32_t xid, std::int64_t microseconds_since_2000, std::uint8_t kind = 0x00,
                                           const Bytes& more = {}) {
        Bytes data = number(static_cast<std::uint64_t>(microseconds_since_2000));
        append(data, more);
        const auto begin = record(1, static_cast<std::uint8_t>(kind | (more.empty() ? 0 : 0x80)), data_of(data), xid);
        const bool committed = kind == 0x00 || kind == 0x30;
        return {xid, begin, position(), time(microseconds_since_2000), committed};
    }
    postgresql::WalRestorePoint restore_point(std::string_view name, std::int64_t microseconds_since_2000) {
        Bytes data = number(static_cast<std::uint64_t>(microseconds_since_2000));
        Bytes text(64, 0);
        std::copy(name.begin(), name.end(), text.begin());
        append(data, text);
        const auto begin = record(0, 0x70, data_of(data));
        return {std::string{name}, begin, position(), time(microseconds_since_2000)};
    }
    /// XLOG_SWITCH: the rest of the segment is zero.
    void switch_segment() {
        record(0, 0x40, {});
        while (position() % segment_bytes_ != 0) bytes_.push_back(0);
    }
    /// The server crashed in the middle of a record of `body_bytes`: only what fits on this page was written, and the next page
    /// begins anew.
    void give_up_record(std::size_t body_bytes) {
        const auto body = data_of(Bytes(body_bytes, 0x33));
        if (position() % postgresql::wal_page_bytes == 0) page_header(0);
        Bytes whole = header(10, 0, body, 0);
        append(whole, body);
        whole.resize(std::min<std::size_t>(whole.size(), left_on_page()));
        append(bytes_, whole);
        page_header(0, 0x0008);
    }

    static Instant time(std::int64_t microseconds_since_2000) {
        return Instant{std::chrono::microseconds{microseconds_since_2000 + 946'684'800'000'000}};
    }
    template <class Number>
    static Bytes number(Number value) {
        Bytes bytes(sizeof value);
        std::memcpy(bytes.data(), &value, sizeof value);
        return bytes;
    }
    static Bytes data_of(const Bytes& data) {
        Bytes body;
        if (data.size() < 256) {
            body = {255, static_cast<std::uint8_t>(data.size())};
        } else {
            body = {254};
            append(body, number(static_cast<std::uint32_t>(data.size())));
        }
        append(body, data);
        return body;
    }

private:
    std::uint64_t left_on_page() const { return postgresql::wal_page_bytes - position() % postgresql::wal_page_bytes; }

    Bytes header(std::uint8_t manager, std::uint8_t info, const Bytes& body, std::uint32_t xid) const {
        Bytes head = number(static_cast<std::uint32_t>(24 + body.size()));
        append(head, number(xid));
        append(head, number(previous_));
        append(head, Bytes{info, manager, 0, 0});
        append(head, number(crc32c(head, crc32c(body))));
        return head;
    }
    void write(ByteView whole) {
        while (!whole.empty()) {
            if (position() % postgresql::wal_page_bytes == 0) page_header(static_cast<std::uint32_t>(whole.size()));
            const auto part = whole.first(std::min<std::size_t>(whole.size(), left_on_page()));
            append(bytes_, part);
            whole = whole.subspan(part.size());
        }
    }
    void page_header(std::uint32_t remaining, std::uint16_t more_info = 0) {
        const auto page = position();
        const bool is_long = page % segment_bytes_ == 0;
        append(bytes_, number(magic_));
        append(bytes_, number(static_cast<std::uint16_t>((remaining ? 1 : 0) | (is_long ? 2 : 0) | more_info)));
        append(bytes_, number(std::uint32_t{1}));
        append(bytes_, number(page));
        append(bytes_, number(remaining));
        append(bytes_, number(std::uint32_t{0}));
        if (!is_long) return;
        append(bytes_, number(std::uint64_t{73}));
        append(bytes_, number(static_cast<std::uint32_t>(segment_bytes_)));
        append(bytes_, number(static_cast<std::uint32_t>(postgresql::wal_page_bytes)));
    }

    postgresql::Lsn from_;
    std::uint64_t segment_bytes_;
    std::uint16_t magic_;
    postgresql::Lsn previous_ = 0;
    Bytes bytes_;
};

}  // namespace varve::test

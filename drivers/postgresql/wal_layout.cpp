#include "postgresql/wal_layout.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace varve::postgresql::wal {

namespace {

template <class Number>
Number number_at(ByteView bytes, std::size_t offset) noexcept {
    Number number{};
    std::memcpy(&number, bytes.data() + offset, sizeof number);
    return number;
}

// Kinds of headers in a record's body, by their first byte; a smaller one names a block.
constexpr std::uint8_t data_short = 255, data_long = 254, origin = 253, top_transaction = 252;

// What a commit or abort carries behind its time, in this order.
constexpr std::uint32_t has_database = 1, has_subtransactions = 2, has_relations = 4, has_invalidations = 8, has_prepared = 16,
                        has_dropped_stats = 256;
constexpr std::size_t database_bytes = 8, subtransaction_bytes = 4, relation_bytes = 12, invalidation_bytes = 16;

/// Reads on through `data`; fails for good when it would read past the end.
class Cursor {
public:
    explicit Cursor(ByteView data) : data_{data} {}
    std::uint32_t u32() noexcept {
        const auto offset = offset_;
        pass(4);
        return good_ ? u32_at(data_, offset) : 0;
    }
    void pass(std::uint64_t bytes) noexcept {
        good_ = good_ && bytes <= data_.size() - offset_;
        if (good_) offset_ += bytes;
    }
    void pass_array(std::uint64_t item_bytes) noexcept { pass(u32() * item_bytes); }
    bool good() const noexcept { return good_; }

private:
    ByteView data_;
    std::size_t offset_ = 0;
    bool good_ = true;
};

}  // namespace

std::uint16_t u16_at(ByteView bytes, std::size_t offset) noexcept { return number_at<std::uint16_t>(bytes, offset); }
std::uint32_t u32_at(ByteView bytes, std::size_t offset) noexcept { return number_at<std::uint32_t>(bytes, offset); }
std::uint64_t u64_at(ByteView bytes, std::size_t offset) noexcept { return number_at<std::uint64_t>(bytes, offset); }

bool is_known_magic(std::uint16_t magic) noexcept {
    constexpr std::array<std::uint16_t, 6> known{0xD106, 0xD10D, 0xD110, 0xD113, 0xD116, magic_18};
    return std::ranges::find(known, magic) != known.end();
}

Instant instant_at(ByteView bytes, std::size_t offset) noexcept {
    constexpr std::uint64_t from_1970_to_2000 = 946'684'800'000'000;
    // Unsigned, so that a damaged time wraps and does not overflow.
    return Instant{std::chrono::microseconds{static_cast<std::int64_t>(u64_at(bytes, offset) + from_1970_to_2000)}};
}

std::optional<ByteView> main_data(ByteView body) noexcept {
    while (!body.empty()) {
        const auto kind = body.front();
        const std::size_t header = kind == data_short                             ? 2
                                   : kind == data_long || kind == top_transaction ? 5
                                   : kind == origin                               ? 3
                                                                                  : 0;
        if (header == 0 || body.size() < header) return std::nullopt;
        if (kind == data_short || kind == data_long) {
            const std::size_t length = kind == data_short ? body[1] : u32_at(body, 1);
            return body.subspan(header, std::min(length, body.size() - header));
        }
        body = body.subspan(header);
    }
    return std::nullopt;
}

std::uint32_t prepared_xid(ByteView data, bool is_commit, bool stats_are_wide) noexcept {
    Cursor cursor{data};
    cursor.pass(sizeof(std::uint64_t));  // the time
    const auto has = cursor.u32();
    if (has & has_database) cursor.pass(database_bytes);
    if (has & has_subtransactions) cursor.pass_array(subtransaction_bytes);
    if (has & has_relations) cursor.pass_array(relation_bytes);
    if (has & has_dropped_stats) cursor.pass_array(stats_are_wide ? 16 : 12);
    if (is_commit && (has & has_invalidations)) cursor.pass_array(invalidation_bytes);
    const auto xid = (has & has_prepared) ? cursor.u32() : 0;
    return cursor.good() ? xid : 0;
}

}  // namespace varve::postgresql::wal

#include "mysql/tagged_gtid.hpp"

#include <algorithm>
#include <bit>

#include "mysql/little_endian.hpp"

namespace varve::mysql {

namespace {

/// As many more bytes as the first one has ones at its low end; the number stands above them.
std::uint64_t variable_length(LittleEndianReader& reader) {
    const auto first = reader.byte();
    const auto more = static_cast<unsigned>(std::countr_one(first));
    if (more == 8) return reader.number(8);
    std::uint64_t value = std::uint64_t{first} >> (more + 1);
    if (more > 0) value |= reader.number(more) << (7 - more);
    return value;
}

/// The sign stands lowest.
std::int64_t variable_length_signed(LittleEndianReader& reader) {
    const auto value = variable_length(reader);
    const auto magnitude = static_cast<std::int64_t>(value >> 1);
    return (value & 1) != 0 ? ~magnitude : magnitude;
}

/// Fields of a serialised GTID event, by their numbers.
enum class Field : std::uint64_t {
    flags = 0,
    uuid,
    number,
    tag,
    last_committed,
    sequence_number,
    committed,
    originally_committed,
    length,
};

std::string text_in(LittleEndianReader& reader) {
    const auto bytes = reader.take(variable_length(reader));
    return std::string{text_of(bytes)};
}

TransactionHead parse_fields(LittleEndianReader& reader) {
    TransactionHead head;
    MysqlGtid gtid;
    variable_length(reader);  // version
    variable_length(reader);  // bytes
    variable_length(reader);  // the last field that a reader must know
    while (reader.left() > 0) {
        switch (static_cast<Field>(variable_length(reader))) {
            case Field::flags:
                variable_length(reader);
                break;
            case Field::uuid:
                for (auto& byte : gtid.source.uuid) byte = static_cast<std::uint8_t>(variable_length(reader));
                break;
            case Field::number:
                gtid.number = static_cast<std::uint64_t>(variable_length_signed(reader));
                break;
            case Field::tag:
                gtid.source.tag = text_in(reader);
                head.mysql = gtid;
                break;
            case Field::last_committed:
            case Field::sequence_number:
                variable_length_signed(reader);
                break;
            case Field::committed:
                head.committed = Instant{std::chrono::microseconds{static_cast<std::int64_t>(variable_length(reader))}};
                break;
            case Field::originally_committed:
                variable_length(reader);
                break;
            case Field::length:
                head.length = variable_length(reader);
                return head;
            default:
                return head;
        }
    }
    return head;
}

}  // namespace

TransactionHead parse_tagged_gtid(ByteView body) {
    LittleEndianReader reader{body};
    try {
        return parse_fields(reader);
    } catch (const Error&) {
        return {};
    }
}

std::optional<GtidSet> find_previous_gtids(ByteView body) {
    LittleEndianReader reader{body};
    GtidSet set;
    try {
        auto count = reader.number(8);
        const auto form = count >> 56;
        if (form > 1) return std::nullopt;
        const bool is_tagged = form == 1;
        if (is_tagged) count = count << 8 >> 16;
        for (; count > 0; --count) {
            GtidSource source;
            std::ranges::copy(reader.take(source.uuid.size()), source.uuid.begin());
            if (is_tagged) source.tag = text_in(reader);
            for (auto intervals = reader.number(8); intervals > 0; --intervals) {
                const auto first = reader.number(8);
                const auto end = reader.number(8);
                if (first == 0 || end <= first) return std::nullopt;
                set.add(source, first, end - 1);
            }
        }
    } catch (const Error&) {
        return std::nullopt;
    }
    return set;
}

}  // namespace varve::mysql

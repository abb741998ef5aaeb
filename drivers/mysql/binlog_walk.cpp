#include "mysql/binlog_walk.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "mysql/little_endian.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

constexpr std::array<std::uint8_t, binlog_magic_bytes> magic{0xfe, 'b', 'i', 'n'};

struct Head {
    EventType type{};
    std::uint32_t length = 0, log_pos = 0;
};

Head head_of(ByteView bytes) {
    LittleEndianReader reader{bytes};
    reader.take(4);
    Head head;
    head.type = static_cast<EventType>(reader.byte());
    reader.take(4);
    head.length = static_cast<std::uint32_t>(reader.number(4));
    head.log_pos = static_cast<std::uint32_t>(reader.number(4));
    return head;
}

bool begins_with_magic(ByteView bytes) { return std::ranges::equal(bytes.first(magic.size()), magic); }

/// Everything else is passed over unread, however large it is.
bool tells_something(EventType type) {
    switch (type) {
        case EventType::query:
        case EventType::stop:
        case EventType::rotate:
        case EventType::format_description:
        case EventType::xid:
        case EventType::mysql_gtid:
        case EventType::mysql_anonymous_gtid:
        case EventType::mysql_tagged_gtid:
        case EventType::xa_prepare:
        case EventType::mariadb_gtid:
        case EventType::mariadb_query_compressed:
            return true;
        default:
            return false;
    }
}

}  // namespace

std::string WalkedTransaction::gtid() const {
    if (mariadb)
        return std::to_string(mariadb->domain) + "-" + std::to_string(mariadb->server) + "-" + std::to_string(mariadb->number);
    if (!mysql) return {};
    GtidSet one;
    one.add(*mysql);
    return one.text();
}

BinlogWalk::BinlogWalk(std::string file, std::uint64_t at) : at_{at} { files_.push_back({std::move(file), at}); }

BinlogPlace BinlogWalk::place_of(std::uint64_t at) const {
    const auto after =
        std::ranges::find_if(files_, [&](const WalkedFile& file) { return file.at >= at && file.at != files_.front().at; });
    const auto& file = after == files_.begin() ? files_.front() : *std::prev(after);
    return {file.name, at - file.at};
}

void BinlogWalk::feed(ByteView bytes, const Visitor& visitor) {
    const auto take = [&bytes](std::uint64_t count) {
        const auto taken = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(count, bytes.size())));
        bytes = bytes.subspan(taken.size());
        return taken;
    };
    while (!bytes.empty()) {
        if (passed_over_ > 0) {
            const auto taken = take(passed_over_);
            passed_over_ -= taken.size();
            pass(taken, visitor);
            if (passed_over_ == 0 && transaction_ && transaction_->at_end == at_) end_transaction(at_, visitor);
        } else if (wanted_ > 0) {
            const auto taken = take(wanted_);
            wanted_ -= taken.size();
            append(held_, taken);
            pass(taken, visitor);
            if (wanted_ == 0) take_event(visitor);
        } else {
            append(held_, take(event_header_bytes - held_.size()));
            if (held_.size() == event_header_bytes) take_head(visitor);
        }
    }
}

void BinlogWalk::finish(const Visitor& visitor) {
    if (wanted_ == 0) pass(held_, visitor);
    held_.clear();
}

void BinlogWalk::pass(ByteView bytes, const Visitor& visitor) {
    if (visitor.bytes && !bytes.empty()) visitor.bytes({.file = files_.back(), .at = at_, .bytes = bytes});
    at_ += bytes.size();
}

/// What is held is as long as the head of an event.
void BinlogWalk::take_head(const Visitor& visitor) {
    const auto head = head_of(held_);
    const bool is_event =
        !before_magic_ && head.length >= event_header_bytes && static_cast<std::uint32_t>(offset() + head.length) == head.log_pos;
    if (!is_event) {
        if (begins_with_magic(held_)) return begin_file(visitor);
        throw Error{Fault::corrupt, "what is archived of " + files_.back().name + " has no event at " + std::to_string(offset())};
    }
    pass(held_, visitor);
    const auto left = head.length - event_header_bytes;
    if (tells_something(head.type)) {
        wanted_ = left;
        if (left == 0) take_event(visitor);
        return;
    }
    held_.clear();
    passed_over_ = left;
    if (left == 0 && transaction_ && transaction_->at_end == at_) end_transaction(at_, visitor);
}

void BinlogWalk::begin_file(const Visitor& visitor) {
    if (!before_magic_) files_.push_back({next_file_ ? *next_file_ : name_after(files_.back().name), at_});
    before_magic_ = false;
    next_file_.reset();
    transaction_.reset();  // a server that died may have left half of one
    pass(ByteView{held_}.first(magic.size()), visitor);
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(magic.size()));
}

void BinlogWalk::take_event(const Visitor& visitor) {
    const auto event = std::exchange(held_, {});
    const auto header = parse_header(event);
    if (header.type == EventType::format_description) has_checksums_ = parse_format_description(event).has_checksums;
    if (header.type == EventType::rotate) next_file_ = parse_rotate(event, has_checksums_).file;
    const auto at_begin = at_ - event.size();
    if (auto head = find_transaction_head(header, event)) {
        const auto end = head->length == 0 ? 0 : at_begin + head->length;
        transaction_ = Open{.head = std::move(*head), .at_begin = at_begin, .at_end = end};
        return;
    }
    const bool told = transaction_ && transaction_->at_end != 0;
    const bool one = transaction_ && transaction_->head.is_one_statement;
    if (told ? at_ >= transaction_->at_end : ends_transaction(header, event, one)) {
        if (!transaction_) transaction_ = Open{.head = {}, .at_begin = at_begin, .at_end = 0};
        end_transaction(at_, visitor);
    }
}

void BinlogWalk::end_transaction(std::uint64_t at_end, const Visitor& visitor) {
    const auto& file = files_.back();
    const WalkedTransaction walked{.file = file.name,
                                   .begin = transaction_->at_begin - file.at,
                                   .end = at_end - file.at,
                                   .at_begin = transaction_->at_begin,
                                   .at_end = at_end,
                                   .mariadb = transaction_->head.mariadb,
                                   .mysql = transaction_->head.mysql};
    transaction_.reset();
    if (visitor.transaction) visitor.transaction(walked);
}

}  // namespace varve::mysql

#include "mysql/binlog_walk.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "varve/error.hpp"

namespace varve::mysql {

namespace {

constexpr std::string_view magic =
    "\xfe"
    "bin";
constexpr std::size_t type_offset = 4, length_offset = 9;

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

std::uint32_t number_32(ByteView bytes) {
    return static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
           static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

/// A file that a dying server left has no ROTATE at its end: the next one is known by how it begins. (An event that began with
/// these bytes would be of one second in 2028, of a server with one certain number.)
bool begins_file(ByteView head) {
    return text_of(head.first(magic.size())) == magic &&
           head[magic.size() + type_offset] == static_cast<std::uint8_t>(EventType::format_description);
}

std::string name_after(const std::string& name) {
    const auto dot = name.rfind('.');
    const auto number = find_number_of(name);
    if (dot == std::string::npos || !number) throw Error{Fault::corrupt, "the binlog file after " + name + " has no name"};
    auto digits = std::to_string(*number + 1);
    const auto width = name.size() - dot - 1;
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    return name.substr(0, dot + 1) + digits;
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

void BinlogWalk::begin_file() {
    const auto begin = at_ - held_.size();
    if (begin != files_.front().at) files_.push_back({next_file_ ? *next_file_ : name_after(files_.back().name), begin});
    next_file_.reset();
    transaction_.reset();  // a server that died may have left half of one
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(magic.size()));
    before_magic_ = false;
}

void BinlogWalk::feed(ByteView bytes, const Visit& visit) {
    while (!bytes.empty()) {
        if (passed_over_ > 0) {
            const auto count = std::min<std::uint64_t>(passed_over_, bytes.size());
            passed_over_ -= count;
            at_ += count;
            bytes = bytes.subspan(count);
            if (passed_over_ == 0 && transaction_ && transaction_->at_end == at_) end_transaction(at_, visit);
            continue;
        }
        std::size_t wanted = event_header_bytes;
        if (held_.size() >= event_header_bytes) wanted = number_32(ByteView{held_}.subspan(length_offset));
        const auto count = std::min(wanted - held_.size(), bytes.size());
        append(held_, bytes.first(count));
        at_ += count;
        bytes = bytes.subspan(count);
        if (held_.size() < wanted) return;
        if (held_.size() == event_header_bytes && wanted == event_header_bytes) {
            if (begins_file(held_)) {
                begin_file();
                continue;
            }
            if (before_magic_) throw Error{Fault::corrupt, "the archived log does not begin with a binlog file"};
            const auto length = number_32(ByteView{held_}.subspan(length_offset));
            if (length < event_header_bytes) throw Error{Fault::corrupt, "an event of the archived log is shorter than its head"};
            if (length > event_header_bytes && tells_something(static_cast<EventType>(held_[type_offset]))) continue;
            passed_over_ = length - event_header_bytes;
            held_.clear();
            if (passed_over_ == 0 && transaction_ && transaction_->at_end == at_) end_transaction(at_, visit);
            continue;
        }
        take_event(held_, visit);
        held_.clear();
    }
}

void BinlogWalk::take_event(ByteView event, const Visit& visit) {
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
        end_transaction(at_, visit);
    }
}

void BinlogWalk::end_transaction(std::uint64_t at_end, const Visit& visit) {
    const auto& file = files_.back();
    const WalkedTransaction walked{.file = file.name,
                                   .begin = transaction_->at_begin - file.at,
                                   .end = at_end - file.at,
                                   .at_begin = transaction_->at_begin,
                                   .at_end = at_end,
                                   .mariadb = transaction_->head.mariadb,
                                   .mysql = transaction_->head.mysql};
    transaction_.reset();
    visit(walked);
}

}  // namespace varve::mysql

#include "mysql/binlog_tracker.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "varve/check.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

constexpr std::array<std::uint8_t, binlog_magic_bytes> magic{0xfe, 'b', 'i', 'n'};

bool is_heartbeat(EventType type) { return type == EventType::heartbeat || type == EventType::heartbeat_v2; }

std::uint32_t low_32(std::uint64_t number) { return static_cast<std::uint32_t>(number); }

Instant at_second(std::uint32_t seconds) { return Instant{std::chrono::seconds{seconds}}; }

Error broken(const std::string& what) {
    return Error{Fault::missing, what}.hint(
        "A gap is recorded and a base backup is taken; look into the server's error log for what happened to its binlog.");
}

/// Not their CRC-32: over bytes that end in their own it is always the same.
Fingerprint fingerprint_of(const Bytes& format_event, ByteView second_event) {
    Sha256 hash;
    hash.add(format_event);
    hash.add(second_event);
    return std::to_string(parse_header(format_event).time) + "-" + to_hex(hash.finish()).substr(0, 16);
}

}  // namespace

BinlogTracker::BinlogTracker(TrackerStart start)
    : file_{std::move(start.place.file)}, offset_{start.place.offset}, gtids_{std::move(start.gtids)} {
    at_begin_ = offset_ <= binlog_magic_bytes;
    if (at_begin_) offset_ = binlog_magic_bytes;
    resuming_ = !at_begin_;
}

Seen BinlogTracker::feed(ByteView event, Received received) {
    const auto header = parse_header(event);
    if (is_heartbeat(header.type)) return Seen::heartbeat;
    if (header.type == EventType::rotate && (header.is_artificial() || header.log_pos == 0)) {
        go_to(parse_rotate(event, has_right_checksum(event)));
        return Seen::made_up;
    }
    if (header.is_artificial()) return Seen::made_up;
    if (header.type == EventType::format_description && header.log_pos == 0) {
        has_checksums_ = parse_format_description(event).has_checksums;
        return Seen::made_up;
    }
    if (resuming_ && header.log_pos == 0) return Seen::made_up;  // what else MariaDB repeats of the file's begin
    if (header.type == EventType::format_description) {
        begin_file(header, event);
        return Seen::part_of_file;
    }
    take_event(header, event, received);
    return Seen::part_of_file;
}

/// The server says which file it reads now, and from where.
void BinlogTracker::go_to(const BinlogPlace& next) {
    if (!positioned_) {
        positioned_ = true;
        if (next.file != file_ || low_32(next.offset) != low_32(offset_))
            throw broken("asked for " + to_text(place()) + ", the server sends " + to_text(next));
        return;
    }
    if (next.file == file_) return;
    if (announced_ ? next.file != *announced_ : !follows(file_, next.file))
        throw broken("after " + to_text(place()) + " the log goes on with " + next.file +
                     (announced_ ? ", where " + *announced_ + " was announced" : ", which does not follow it"));
    if (next.offset > binlog_magic_bytes)
        throw broken("the log goes on inside " + next.file + ", at " + std::to_string(next.offset));
    tell_gtids();
    file_ = next.file;
    offset_ = binlog_magic_bytes;
    announced_.reset();
    transaction_.reset();  // a server that died may have left half of one
    at_begin_ = true;
    resuming_ = false;
}

void BinlogTracker::begin_file(const EventHeader& header, ByteView event) {
    if (!at_begin_ && announced_) go_to({*announced_, binlog_magic_bytes});  // the real ROTATE is all that was sent
    if (!at_begin_) throw broken("a file of the log begins in the middle of " + to_text(place()));
    require_chain(header);
    check_sum(header, event);
    has_checksums_ = parse_format_description(event).has_checksums;
    format_event_ = to_bytes(event);
    at_begin_ = false;
    offset_ += event.size();
}

void BinlogTracker::require_chain(const EventHeader& header) const {
    if (low_32(offset_ + header.length) == header.log_pos) return;
    throw broken("at " + to_text(place()) + " comes an event that ends at " + std::to_string(header.log_pos) + " and has " +
                 std::to_string(header.length) + " bytes");
}

void BinlogTracker::check_sum(const EventHeader& header, ByteView event) const {
    const bool has_one = has_checksums_ || header.type == EventType::format_description;
    if (!has_one || has_right_checksum(event)) return;
    if (accepted_damage_ == BinlogPlace{file_, offset_ + header.length}) return;
    throw Error{Fault::corrupt, "the event at " + to_text(place()) + " has a wrong checksum"}
        .with("file", file_)
        .with("end", std::to_string(offset_ + header.length))
        .hint("If it stays so, the server's own file is damaged there.");
}

void BinlogTracker::take_event(const EventHeader& header, ByteView event, Received received) {
    if (at_begin_) throw broken("the log goes on in " + file_ + " without its first event");
    require_chain(header);
    check_sum(header, event);
    resuming_ = false;
    if (header.type == EventType::rotate) announced_ = parse_rotate(event, has_checksums_).file;
    compare_gtids(header, event);

    if (format_event_) {
        auto& first = pieces_.emplace_back();
        first.file = file_;
        first.bytes = to_bytes(magic);
        append(first.bytes, *format_event_);
        first.to = offset_;
        first.fingerprint = fingerprint_of(*format_event_, event);
        held_ += first.bytes.size();
        format_event_.reset();
    }
    auto& into = piece();
    append(into.bytes, event);
    held_ += event.size();
    offset_ += event.size();
    into.to = offset_;
    follow_transaction(header, event, received);
}

/// The one that grows: of this file, up to where the next event begins.
BinlogPiece& BinlogTracker::piece() {
    if (pieces_.empty() || pieces_.back().file != file_ || pieces_.back().to != offset_) {
        auto& begun = pieces_.emplace_back();
        begun.file = file_;
        begun.from = begun.to = offset_;
    }
    pieces_.back().known_through.reset();
    return pieces_.back();
}

void BinlogTracker::compare_gtids(const EventHeader& header, ByteView event) {
    if (header.type != EventType::mysql_previous_gtids && header.type != EventType::mariadb_gtid_list) return;
    auto before = find_gtids_before(header, event, has_checksums_);
    if (before && gtids_ && !continues(*before, *gtids_))
        throw broken("the log up to " + file_ + " had the transactions " + to_text(*gtids_) + ", and " + file_ +
                     " says they were " + to_text(*before));
    gtids_ = std::move(before);
}

void BinlogTracker::follow_transaction(const EventHeader& header, ByteView event, Received received) {
    if (auto head = find_transaction_head(header, event)) {
        auto* state = gtids_ ? std::get_if<GtidState>(&*gtids_) : nullptr;
        auto* set = gtids_ ? std::get_if<GtidSet>(&*gtids_) : nullptr;
        if (state != nullptr && head->mariadb) state->add(*head->mariadb);
        if (set != nullptr && head->mysql) set->add(*head->mysql);
        if (header.type == EventType::mysql_tagged_gtid && !head->mysql) gtids_.reset();  // of a form that is not known
        const auto end = head->length == 0 ? 0 : offset_ - event.size() + head->length;
        transaction_ = Open{.head = std::move(*head), .end = end, .newest_event = at_second(header.time)};
        return;
    }
    const bool in_one = transaction_.has_value();
    if (in_one) transaction_->newest_event = std::max(transaction_->newest_event, at_second(header.time));
    const bool ends = in_one && transaction_->end != 0
                          ? offset_ >= transaction_->end
                          : ends_transaction(header, event, in_one && transaction_->head.is_one_statement);
    if (!ends) return;
    // MariaDB tells the second in which the statement began; whoever looks on sees when it came.
    auto time = in_one ? transaction_->newest_event : at_second(header.time);
    if (in_one && transaction_->head.committed)
        time = *transaction_->head.committed;
    else if (received)
        time = *received;
    else if (now_)
        time = std::min(time, *now_);
    end_transaction(time);
}

void BinlogTracker::end_transaction(Instant time) {
    pieces_.back().moments.push_back({offset_, time});
    transaction_.reset();
}

void BinlogTracker::idle_at(Instant time) {
    if (at_begin_ || format_event_ || !positioned_) return;
    if (pieces_.empty() || pieces_.back().file != file_ || pieces_.back().to != offset_) {
        auto& told = pieces_.emplace_back();
        told.file = file_;
        told.from = told.to = offset_;
    }
    pieces_.back().known_through = time;
}

/// Once a piece has all it will get: the text of a large set costs something.
void BinlogTracker::tell_gtids() {
    if (!pieces_.empty() && pieces_.back().file == file_ && gtids_) pieces_.back().gtids = to_text(*gtids_);
}

std::vector<BinlogPiece> BinlogTracker::take() {
    tell_gtids();
    held_ = 0;
    return std::exchange(pieces_, {});
}

}  // namespace varve::mysql

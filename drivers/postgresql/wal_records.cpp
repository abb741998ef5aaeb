#include "postgresql/wal_records.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "postgresql/wal_layout.hpp"
#include "varve/check.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {

namespace {

constexpr std::uint64_t alignment = 8;
constexpr std::uint64_t aligned(std::uint64_t bytes) noexcept { return (bytes + alignment - 1) / alignment * alignment; }
/// PostgreSQL writes none larger than 1020 MiB.
constexpr std::uint32_t record_bytes_max = 1u << 30;

/// Takes what is still missing of `wanted` bytes into `gathered`; gives how many were taken.
std::size_t gather(Bytes& gathered, std::size_t wanted, ByteView bytes) {
    const auto taken = std::min(wanted - gathered.size(), bytes.size());
    append(gathered, bytes.first(taken));
    return taken;
}

}  // namespace

WalWalker::WalWalker(Lsn from, std::uint64_t segment_bytes)
    : segment_bytes_{segment_bytes},
      at_{from},
      state_{from % wal_page_bytes == 0 ? State::page_header : State::record_header},
      after_header_{State::to_next_page} {
    if (!is_segment_size(segment_bytes) || from % alignment != 0)
        throw Error{Fault::defect, "a walk of the log begins at no record"};
}

void WalWalker::feed(ByteView bytes) {
    while (!bytes.empty()) bytes = bytes.subspan(step(bytes));
}

WalEvents WalWalker::take() { return std::exchange(events_, {}); }

std::size_t WalWalker::step(ByteView bytes) {
    const bool at_page = at_ % wal_page_bytes == 0;
    const bool rest_is_zero = state_ == State::to_segment_end && at_ % segment_bytes_ != 0;
    if (at_page && state_ != State::page_header && !rest_is_zero) after_header_ = std::exchange(state_, State::page_header);
    switch (state_) {
        case State::page_header:
            return read_page_header(bytes);
        case State::record_header:
            return read_record_header(bytes);
        case State::record_body:
            return read_body(bytes);
        case State::padding:
        case State::skipping: {
            const auto passed = pass(bytes, skip_);
            skip_ -= passed;
            if (skip_ == 0 && state_ == State::padding)
                end_record();
            else if (skip_ == 0)
                to_record_start();
            return passed;
        }
        case State::to_next_page:
            return pass(bytes, left_on_page());
        case State::to_segment_end:
            return pass(bytes, segment_bytes_ - at_ % segment_bytes_);
    }
    std::unreachable();
}

std::size_t WalWalker::pass(ByteView bytes, std::uint64_t most) {
    const auto passed = static_cast<std::size_t>(std::min<std::uint64_t>({most, left_on_page(), bytes.size()}));
    at_ += passed;
    return passed;
}

// ------------------------------------------------------------------------------------------------------------------ pages

std::size_t WalWalker::read_page_header(ByteView bytes) {
    const bool is_short_known = header_.size() >= wal::short_header_bytes;
    const auto wanted = is_short_known ? wal::long_header_bytes : wal::short_header_bytes;
    const auto taken = gather(header_, wanted, bytes);
    at_ += taken;
    if (header_.size() < wanted) return taken;
    const bool has_more = !is_short_known && (wal::u16_at(header_, 2) & wal::has_long_header) != 0;
    if (!has_more) enter_page();
    return taken;
}

void WalWalker::enter_page() {
    const auto page = page_start(at_ - 1);
    const auto magic = wal::u16_at(header_, 0);
    const auto info = wal::u16_at(header_, 2);
    const auto address = wal::u64_at(header_, 8);
    const auto remaining = wal::u32_at(header_, 16);
    const bool is_zero = std::ranges::all_of(header_, [](auto byte) { return byte == 0; });
    header_.clear();
    stats_are_wide_ = magic >= wal::magic_18;
    // Behind a switch there is nothing to begin at; the next segment has a header again.
    if (is_zero && previous_ == 0 && after_header_ == State::to_next_page) {
        state_ = State::to_next_page;
        return;
    }
    if (!wal::is_known_magic(magic)) return damaged(page, "this is no page of a known version's log");
    if (address != page) return damaged(page, "this page belongs to " + to_text(address));
    if (((info & wal::has_long_header) != 0) != (page % segment_bytes_ == 0))
        return damaged(page, "this page's header does not fit its place in a segment");
    state_ = after_header_;
    if (inside_record()) return resume_record(info, remaining);
    const bool at_boundary = state_ == State::record_header || state_ == State::to_segment_end;
    if (at_boundary && previous_ != 0 && (info & wal::first_is_continuation))
        damaged(page, "this page goes on with a record that did not begin");
    start_after(info, remaining);
}

bool WalWalker::inside_record() const noexcept {
    return state_ == State::record_body || (state_ == State::record_header && !record_header_.empty());
}

void WalWalker::resume_record(std::uint16_t info, std::uint32_t remaining) {
    const auto page = page_start(at_ - 1);
    const auto expected = state_ == State::record_body ? body_left_ : wal::u32_at(record_header_, 0) - record_header_.size();
    if ((info & wal::first_is_continuation) && remaining == expected) return;
    // After a crash the server may give up a record that it had not finished, and says so here.
    const bool given_up = (info & wal::first_overwrites_continuation) != 0;
    if (!given_up) damaged(page, "this page does not go on with the record before it");
    previous_ = 0;
    start_after(info, remaining);
}

void WalWalker::start_after(std::uint16_t info, std::uint32_t remaining) {
    if (!(info & wal::first_is_continuation) || remaining == 0) return to_record_start();
    state_ = State::skipping;
    skip_ = aligned(remaining);
}

void WalWalker::damaged(Lsn at, std::string what) {
    if (events_.damages.size() < damages_max) events_.damages.push_back({at, std::move(what)});
    previous_ = 0;
    record_header_.clear();
    state_ = State::to_next_page;
}

// ---------------------------------------------------------------------------------------------------------------- records

void WalWalker::to_record_start() {
    record_header_.clear();
    kept_.clear();
    state_ = State::record_header;
}

std::size_t WalWalker::read_record_header(ByteView bytes) {
    if (record_header_.empty()) record_begin_ = at_;
    const auto here = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_on_page())));
    const auto had = record_header_.size();
    const auto taken = gather(record_header_, wal::record_header_bytes, here);
    at_ += taken;
    // The length is on the record's first page: it is looked at as soon as it is there, for the next page must fit it.
    if (had < 4 && record_header_.size() >= 4) {
        const auto total = wal::u32_at(record_header_, 0);
        if (total < wal::record_header_bytes || total > record_bytes_max) {
            damaged(record_begin_, total == 0 ? "the log ends here" : "this is no record");
            return taken;
        }
    }
    if (record_header_.size() == wal::record_header_bytes) enter_record();
    return taken;
}

void WalWalker::enter_record() {
    if (previous_ != 0 && wal::u64_at(record_header_, 8) != previous_)
        return damaged(record_begin_, "this record does not follow the one before it");
    const auto info = record_header_[16];
    const auto manager = record_header_[17];
    const auto kind = info & wal::transaction_kind_mask;
    const bool ends_transaction =
        manager == wal::manager_transaction &&
        (kind == wal::commit || kind == wal::abort || kind == wal::commit_prepared || kind == wal::abort_prepared);
    const auto xlog_kind = info & wal::kind_mask;
    keeps_ =
        ends_transaction ||
        (manager == wal::manager_xlog && (xlog_kind == wal::xlog_restore_point || xlog_kind == wal::xlog_parameter_change)) ||
        (manager == wal::manager_tablespace && xlog_kind == wal::tablespace_create);
    crc_ = 0;
    body_left_ = wal::u32_at(record_header_, 0) - wal::record_header_bytes;
    state_ = State::record_body;
    if (body_left_ == 0) end_record();
}

std::size_t WalWalker::read_body(ByteView bytes) {
    const auto taken = pass(bytes, body_left_);
    const auto part = bytes.first(taken);
    crc_ = crc32c(part, crc_);
    if (keeps_) append(kept_, part.first(std::min(part.size(), kept_bytes_max - kept_.size())));
    body_left_ -= taken;
    if (body_left_ > 0) return taken;
    skip_ = aligned(at_) - at_;
    state_ = State::padding;
    if (skip_ == 0) end_record();
    return taken;
}

bool WalWalker::crc_is_right() const {
    return crc32c(ByteView{record_header_}.first(wal::crc_offset), crc_) == wal::u32_at(record_header_, wal::crc_offset);
}

void WalWalker::end_record() {
    if (!crc_is_right()) return damaged(record_begin_, "the checksum of this record is wrong");
    const bool is_switch = record_header_[17] == wal::manager_xlog && (record_header_[16] & wal::kind_mask) == wal::xlog_switch;
    ++events_.records;
    events_.last_whole = previous_ = record_begin_;
    events_.last_end = at_;
    if (record_begin_ >= watch_) {
        events_.watched = record_begin_;
        watch_ = UINT64_MAX;
    }
    if (keeps_) note();
    to_record_start();
    // A switch fills the rest of its segment with zeros, page headers included.
    if (is_switch && at_ % segment_bytes_ != 0) state_ = State::to_segment_end;
}

void WalWalker::note() {
    const auto data = wal::main_data(kept_);
    if (!data) return;
    const auto manager = record_header_[17];
    const auto kind = record_header_[16] & wal::kind_mask;
    if (manager == wal::manager_transaction) return note_end_of_transaction(*data);
    const auto text_from = [&](std::size_t offset, std::size_t bytes_max) {
        const auto text = text_of(data->subspan(offset));
        return std::string{text.substr(0, std::min(text.find('\0'), bytes_max))};
    };
    if (manager == wal::manager_tablespace) {
        if (data->size() >= sizeof(std::uint32_t))
            events_.tablespaces.push_back(
                {wal::u32_at(*data, 0), text_from(sizeof(std::uint32_t), kept_bytes_max), record_begin_});
    } else if (kind == wal::xlog_parameter_change) {
        if (data->size() < 5 * sizeof(std::int32_t)) return;
        const auto limit = [&](std::size_t number) { return static_cast<std::int32_t>(wal::u32_at(*data, 4 * number)); };
        events_.limits.push_back({limit(0), limit(1), limit(2), limit(3), limit(4), record_begin_});
    } else if (data->size() >= sizeof(std::uint64_t)) {
        events_.restore_points.push_back(
            {text_from(sizeof(std::uint64_t), wal::restore_point_name_bytes), record_begin_, at_, wal::instant_at(*data, 0)});
    }
}

void WalWalker::note_end_of_transaction(ByteView data) {
    if (data.size() < sizeof(std::uint64_t)) return;
    const auto info = record_header_[16];
    const auto kind = info & wal::transaction_kind_mask;
    const bool committed = kind == wal::commit || kind == wal::commit_prepared;
    const bool prepared = kind == wal::commit_prepared || kind == wal::abort_prepared;
    auto xid = wal::u32_at(record_header_, 4);
    if (prepared) xid = (info & wal::transaction_has_info) ? wal::prepared_xid(data, committed, stats_are_wide_) : 0;
    events_.transactions.push_back({xid, record_begin_, at_, wal::instant_at(data, 0), committed});
}

}  // namespace varve::postgresql

#include "sqlite/record_reader.hpp"

#include <algorithm>

#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

Error ends_early() { return Error{Fault::corrupt, "the log ends inside a record"}; }

}  // namespace

/// False: the log ends before there are so many.
Task<bool> RecordReader::fill(std::uint64_t count) {
    while (held_.size() - begin_ < count && !ended_) {
        held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(begin_));
        begin_ = 0;
        const auto block = co_await log_->read();
        ended_ = block.empty();
        append(held_, block);
    }
    co_return held_.size() - begin_ >= count;
}

Task<std::optional<RecordHeader>> RecordReader::next_if_whole() {
    if (!co_await fill(record_header_bytes)) co_return std::nullopt;
    const auto header = parse_record_header(ByteView{held_}.subspan(begin_, record_header_bytes));
    begin_ += record_header_bytes;
    at_ += record_header_bytes;
    content_ = header.bytes() - record_header_bytes;
    co_return header;
}

Task<Bytes> RecordReader::take(std::uint64_t count) {
    if (!co_await fill(count)) throw ends_early();
    const auto taken = ByteView{held_}.subspan(begin_, count);
    Bytes bytes{taken.begin(), taken.end()};
    begin_ += count;
    at_ += count;
    content_ -= std::min(content_, count);
    co_return bytes;
}

Task<> RecordReader::skip_content() {
    while (content_ > 0 && co_await fill(1)) {
        const auto count = std::min<std::uint64_t>(content_, held_.size() - begin_);
        begin_ += count;
        at_ += count;
        content_ -= count;
    }
}

}  // namespace varve::sqlite

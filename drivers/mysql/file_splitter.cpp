#include "mysql/file_splitter.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "mysql/little_endian.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

constexpr std::array<std::uint8_t, binlog_magic_bytes> magic{0xfe, 'b', 'i', 'n'};
/// A ROTATE or a format event is looked at as a whole; both are small.
constexpr std::uint64_t small_event_max = 4096;

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

bool begins_with_magic(ByteView bytes) {
    return bytes.size() >= magic.size() && std::ranges::equal(bytes.first(magic.size()), magic);
}

}  // namespace

std::string next_file_name(const std::string& name) {
    const auto number = find_number_of(name);
    if (!number) throw Error{Fault::corrupt, name + " has no number in its name"};
    const auto dot = name.rfind('.');
    auto digits = std::to_string(*number + 1);
    const auto width = std::max<std::size_t>(name.size() - dot - 1, 6);
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    return name.substr(0, dot + 1) + digits;
}

std::vector<FileSplitter::Part> FileSplitter::feed(ByteView bytes) {
    append(held_, bytes);
    std::vector<Part> parts;
    while (!left().empty()) {
        if (in_event_ == 0 && !begin_event()) break;
        give(parts, static_cast<std::size_t>(std::min<std::uint64_t>(in_event_, left().size())));
    }
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(std::exchange(given_, 0)));
    return parts;
}

std::vector<FileSplitter::Part> FileSplitter::finish() {
    std::vector<Part> parts;
    if (held_.empty()) return parts;
    in_event_ = held_.size() + 1;
    give(parts, held_.size());
    held_.clear();
    given_ = 0;
    return parts;
}

void FileSplitter::enter_next_file() {
    file_ = next_file_ ? std::exchange(next_file_, std::nullopt).value() : next_file_name(file_);
    offset_ = 0;
    at_begin_ = true;
}

/// False: more bytes are needed to tell.
bool FileSplitter::begin_event() {
    if (at_begin_) {
        if (left().size() < magic.size()) return false;
        if (!begins_with_magic(left())) throw Error{Fault::corrupt, file_ + " does not begin as a binlog file does"};
        at_begin_ = false;
        in_event_ = magic.size();
        return true;
    }
    if (left().size() < event_header_bytes) return false;
    const auto head = head_of(left());
    const bool is_event = head.length >= event_header_bytes && static_cast<std::uint32_t>(offset_ + head.length) == head.log_pos;
    if (!is_event) {
        if (!begins_with_magic(left()))
            throw Error{Fault::corrupt, "what is archived of " + file_ + " has no event at " + std::to_string(offset_)};
        enter_next_file();
        return begin_event();
    }
    const bool tells = head.type == EventType::rotate || head.type == EventType::format_description;
    if (tells && head.length <= small_event_max) {
        if (left().size() < head.length) return false;
        const auto event = left().first(head.length);
        if (head.type == EventType::format_description)
            has_checksums_ = parse_format_description(event).has_checksums;
        else
            next_file_ = parse_rotate(event, has_checksums_).file;
    }
    in_event_ = head.length;
    return true;
}

void FileSplitter::give(std::vector<Part>& parts, std::size_t count) {
    if (parts.empty() || parts.back().file != file_ || parts.back().offset + parts.back().bytes.size() != offset_)
        parts.push_back({.file = file_, .offset = offset_, .bytes = {}});
    append(parts.back().bytes, left().first(count));
    given_ += count;
    offset_ += count;
    in_event_ -= count;
    parts.back().ends_event = in_event_ == 0;
}

}  // namespace varve::mysql

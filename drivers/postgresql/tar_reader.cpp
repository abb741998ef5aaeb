#include "postgresql/tar_reader.hpp"

#include <algorithm>
#include <string_view>

#include "varve/error.hpp"

namespace varve::postgresql {
namespace {

constexpr std::size_t block_bytes = 512;

// Where the fields of a header lie, and how long they are.
struct Field {
    std::size_t offset, size;
};
constexpr Field name_field{0, 100}, mode_field{100, 8}, uid_field{108, 8}, gid_field{116, 8}, size_field{124, 12},
    mtime_field{136, 12}, checksum_field{148, 8}, link_field{157, 100}, prefix_field{345, 155};
constexpr std::size_t kind_offset = 156;

std::string_view text_in(ByteView header, Field field) {
    const auto text = text_of(header.subspan(field.offset, field.size));
    return text.substr(0, text.find('\0'));
}

/// Octal digits, or, when the first bit is set, a big-endian number: for members of 8 GiB and more.
std::uint64_t number_in(ByteView header, Field field) {
    const auto bytes = header.subspan(field.offset, field.size);
    std::uint64_t value = 0;
    if ((bytes[0] & 0x80) != 0) {
        for (std::size_t i = 1; i < bytes.size(); ++i) value = value << 8 | bytes[i];
        return value;
    }
    for (const auto byte : bytes) {
        if (byte == ' ' && value == 0) continue;
        if (byte < '0' || byte > '7') break;
        value = value * 8 + (byte - '0');
    }
    return value;
}

void check_sum(ByteView header) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < header.size(); ++i) {
        const bool in_field = i >= checksum_field.offset && i < checksum_field.offset + checksum_field.size;
        sum += in_field ? ' ' : header[i];
    }
    if (sum != number_in(header, checksum_field))
        throw Error{Fault::corrupt, "a header of the server's tar does not match its checksum"};
}

TarMember member_of(ByteView header) {
    TarMember member;
    const auto prefix = text_in(header, prefix_field);
    member.name = prefix.empty() ? std::string{} : std::string{prefix} + "/";
    member.name += text_in(header, name_field);
    while (member.name.ends_with('/')) member.name.pop_back();
    member.mode = static_cast<std::uint32_t>(number_in(header, mode_field)) & 07777;
    member.uid = static_cast<std::uint32_t>(number_in(header, uid_field));
    member.gid = static_cast<std::uint32_t>(number_in(header, gid_field));
    member.mtime_seconds = static_cast<std::int64_t>(number_in(header, mtime_field));
    const char kind = static_cast<char>(header[kind_offset]);
    if (kind == '5') {
        member.kind = TarMember::Kind::directory;
    } else if (kind == '2') {
        member.kind = TarMember::Kind::symlink;
        member.link_target = text_in(header, link_field);
    } else if (kind == '0' || kind == '\0') {
        member.size = number_in(header, size_field);
    } else {
        throw Error{Fault::unsupported, "the server's tar has a member of kind '" + std::string(1, kind) + "'"};
    }
    return member;
}

}  // namespace

void TarReader::feed(ByteView bytes) {
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    append(held_, bytes);
}

std::optional<TarEvent> TarReader::read_header() {
    while (held_.size() - at_ >= block_bytes) {
        const auto header = ByteView{held_}.subspan(at_, block_bytes);
        at_ += block_bytes;
        if (std::ranges::all_of(header, [](auto byte) { return byte == 0; })) continue;  // the end, or filling after it
        check_sum(header);
        TarEvent event{.kind = TarEvent::Kind::member, .member = member_of(header), .content = {}};
        content_left_ = event.member.size;
        padding_left_ = (block_bytes - content_left_ % block_bytes) % block_bytes;
        in_member_ = true;
        return event;
    }
    return std::nullopt;
}

std::optional<TarEvent> TarReader::next() {
    const auto skipped = std::min<std::uint64_t>(in_member_ ? 0 : padding_left_, held_.size() - at_);
    at_ += skipped;
    if (!in_member_) padding_left_ -= skipped;
    if (!in_member_) return padding_left_ == 0 ? read_header() : std::nullopt;
    if (content_left_ == 0) {
        in_member_ = false;
        return TarEvent{.kind = TarEvent::Kind::end_of_member, .member = {}, .content = {}};
    }
    const auto size = std::min<std::uint64_t>(content_left_, held_.size() - at_);
    if (size == 0) return std::nullopt;
    TarEvent event{.kind = TarEvent::Kind::content, .member = {}, .content = to_bytes(ByteView{held_}.subspan(at_, size))};
    at_ += size;
    content_left_ -= size;
    return event;
}

}  // namespace varve::postgresql

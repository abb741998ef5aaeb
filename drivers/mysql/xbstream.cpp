#include "mysql/xbstream.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "varve/error.hpp"

namespace varve::mysql {

namespace {

constexpr std::string_view magic = "XBSTCK01";
constexpr std::size_t path_bytes_max = 512;  // what the tools themselves allow
constexpr std::uint64_t block_bytes = 4U << 20;
constexpr std::uint8_t may_be_passed_over = 0x01;

std::uint64_t little_endian(ByteView bytes) {
    std::uint64_t value = 0;
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) value = value << 8 | *byte;
    return value;
}

Error broken(const std::string& what) { return Error{Fault::corrupt, "the backup tool's stream " + what}; }

/// A path that a restore would follow out of its folder is no path of a backup.
bool stays_inside(std::string_view path) {
    if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos) return false;
    for (std::size_t begin = 0; begin <= path.size();) {
        const auto end = std::min(path.find('/', begin), path.size());
        const auto part = path.substr(begin, end - begin);
        if (part.empty() || part == "..") return false;
        begin = end + 1;
    }
    return true;
}

}  // namespace

void XbstreamReader::require(std::span<std::uint8_t> into) {
    if (fill_(into) < into.size()) throw broken("ends within a piece");
}

/// False at the end of the stream.
bool XbstreamReader::read_piece_header() {
    std::array<std::uint8_t, 14> head{};
    const auto count = fill_(head);
    if (count == 0) return false;
    if (count < head.size()) throw broken("ends within a piece");
    const ByteView fixed{head};
    if (text_of(fixed.first(magic.size())) != magic) throw broken("has something else where a piece should begin");
    const auto flags = head[8];
    const auto kind = static_cast<char>(head[9]);
    const auto path_bytes = little_endian(fixed.subspan(10, 4));
    if (path_bytes > path_bytes_max) throw broken("has a path of " + std::to_string(path_bytes) + " bytes");
    std::string path(path_bytes, '\0');
    require({reinterpret_cast<std::uint8_t*>(path.data()), path.size()});
    if (path.starts_with("./")) path.erase(0, 2);
    if (kind != 'P' && kind != 'E' && (flags & may_be_passed_over) == 0)
        throw Error{Fault::unsupported,
                    "the backup tool's stream has a piece of the unknown kind '" + std::string(1, kind) + "'"};
    if (kind != 'P' && kind != 'E') return read_piece_header();
    if (!stays_inside(path)) throw broken("names a file outside of the backup: " + path);

    path_ = std::move(path);
    ends_file_ = kind == 'E';
    if (ends_file_) return true;
    // The checksum guards against what happens to files; between two processes nothing happens to it, and the content gets a
    // stronger one at once.
    std::array<std::uint8_t, 20> place{};
    require(place);
    content_left_ = little_endian(ByteView{place}.first(8));
    const auto offset = little_endian(ByteView{place}.subspan(8, 8));
    const auto so_far = files_.try_emplace(path_, 0).first->second;
    if (offset != so_far) throw broken("goes on at another place of " + path_ + " than where it stopped");
    return true;
}

XbstreamEvent XbstreamReader::read_content() {
    auto& so_far = files_[path_];
    const auto size = std::min(content_left_, block_bytes - so_far % block_bytes);
    XbstreamEvent event{.kind = XbstreamEvent::Kind::content, .path = path_, .content = Bytes(size)};
    require(event.content);
    so_far += size;
    content_left_ -= size;
    return event;
}

std::optional<XbstreamEvent> XbstreamReader::next() {
    if (content_left_ > 0) return read_content();
    if (!read_piece_header()) {
        if (!files_.empty()) throw broken("ends within the file " + files_.begin()->first);
        return std::nullopt;
    }
    if (ends_file_) {
        files_.erase(path_);
        return XbstreamEvent{.kind = XbstreamEvent::Kind::end_of_file, .path = path_, .content = {}};
    }
    return read_content();
}

}  // namespace varve::mysql

#include "pipeline/file_list.hpp"

#include "format/chunk.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

/// A varint at `at`, which moves behind it; nothing when the bytes end before it does.
std::optional<std::uint64_t> find_varint(ByteView bytes, std::size_t& at) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
        const auto byte = bytes[at++];
        value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}

}  // namespace

void append_length(Bytes& into, std::uint64_t length) {
    for (; length >= 0x80; length >>= 7) into.push_back(static_cast<std::uint8_t>(length | 0x80));
    into.push_back(static_cast<std::uint8_t>(length));
}

std::optional<ByteView> FileListReader::next() {
    if (at_ == list_.size()) return std::nullopt;
    const auto length = find_varint(list_, at_);
    if (!length || *length > list_.size() - at_) throw Error{Fault::corrupt, "the file list is cut short"};
    const auto message = list_.subspan(at_, *length);
    at_ += *length;
    return message;
}

format::FileEntry parse_file_entry(ByteView message) {
    format::FileEntry entry;
    if (!entry.ParseFromArray(message.data(), static_cast<int>(message.size())))
        throw Error{Fault::corrupt, "an entry of the file list cannot be read"};
    return entry;
}

std::optional<std::string_view> find_path(ByteView message) {
    constexpr std::uint8_t path_tag = 1 << 3 | 2;
    if (message.empty() || message[0] != path_tag) return std::nullopt;
    std::size_t at = 1;
    const auto length = find_varint(message, at);
    if (!length || *length > message.size() - at) return std::nullopt;
    return text_of(message.subspan(at, *length));
}

ChunkLengths::ChunkLengths(const format::FileEntry& entry) : entry_{entry}, count_{entry.chunks().size() / chunk_entry_bytes} {
    const auto wrong = [&entry] { return Error{Fault::corrupt, "the chunks of " + entry.path() + " do not make up its size"}; };
    if (entry.chunks().size() % chunk_entry_bytes != 0) throw wrong();
    std::uint64_t total = 0;
    if (entry.chunk_bytes() != 0) {
        const std::uint64_t fixed = entry.chunk_bytes();
        if (count_ != entry.size() / fixed + (entry.size() % fixed != 0 ? 1 : 0)) throw wrong();
        return;
    }
    if (count_ != static_cast<std::size_t>(entry.chunk_lengths_size())) throw wrong();
    for (const auto length : entry.chunk_lengths()) total += length;
    if (total != entry.size()) throw wrong();
}

std::uint32_t ChunkLengths::at(std::size_t number) const {
    if (entry_.chunk_bytes() == 0) return entry_.chunk_lengths(static_cast<int>(number));
    const std::uint64_t fixed = entry_.chunk_bytes();
    return static_cast<std::uint32_t>(std::min(fixed, entry_.size() - number * fixed));
}

}  // namespace varve

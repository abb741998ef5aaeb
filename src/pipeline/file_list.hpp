/// The file list as bytes: FileEntry messages, each after its length as a varint. docs/repository-format.md, section 6.
#pragma once

#include <optional>
#include <string_view>

#include "format/format.hpp"

namespace varve {

/// Appends the varint that stands before each message.
void append_length(Bytes& into, std::uint64_t length);

/// Walks over a list; the bytes belong to the caller.
class FileListReader {
public:
    explicit FileListReader(ByteView list, std::size_t from = 0) : list_{list}, at_{from} {}

    /// The next message; nothing at the end. Fault::corrupt when the list is cut or its lengths do not fit.
    std::optional<ByteView> next();
    /// Where the next message's length begins.
    std::size_t position() const noexcept { return at_; }

private:
    ByteView list_;
    std::size_t at_;
};

/// Fault::corrupt when it is no message.
format::FileEntry parse_file_entry(ByteView message);
/// The path alone, as a part of `message`: our own writer puts it first. Nothing when it is not there.
std::optional<std::string_view> find_path(ByteView message);

/// The plaintext length of each chunk of an entry, one after the other.
class ChunkLengths {
public:
    explicit ChunkLengths(const format::FileEntry& entry);
    std::size_t count() const noexcept { return count_; }
    std::uint32_t at(std::size_t number) const;

private:
    const format::FileEntry& entry_;
    std::size_t count_;
};

}  // namespace varve

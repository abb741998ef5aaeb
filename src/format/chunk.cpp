#include "format/chunk.hpp"

#include <algorithm>

#include "format/big_endian.hpp"
#include "varve/error.hpp"

namespace varve {

void append_chunk_entry(Bytes& into, const ChunkEntry& entry) {
    append(into, entry.id);
    append(into, entry.pack);
    append_number(into, entry.offset);
    append_number(into, entry.sealed_length);
}

ChunkEntry parse_chunk_entry(ByteView bytes) {
    if (bytes.size() != chunk_entry_bytes) throw Error{Fault::corrupt, "a chunk entry has not 48 bytes"};
    ChunkEntry entry;
    std::copy_n(bytes.begin(), entry.id.size(), entry.id.begin());
    std::copy_n(bytes.begin() + 32, entry.pack.size(), entry.pack.begin());
    entry.offset = number_at<std::uint32_t>(bytes.subspan(40));
    entry.sealed_length = number_at<std::uint32_t>(bytes.subspan(44));
    return entry;
}

}  // namespace varve

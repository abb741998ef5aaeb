/// The chunk index on disk. A cache of this host, so integers are the machine's own; not part of the repository format.
///
///     magic 8 · packs × {name 32, size u64, folder 16} · records × {id 32, pack u32, offset u32, sealed length u32}
///     · packs u64 · records u64 · SHA-256 of all before
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "format/chunk.hpp"
#include "pipeline/pack_destination.hpp"
#include "varve/check.hpp"
#include "varve/file.hpp"

namespace varve::chunk_index_file {

struct Record {
    ChunkId id{};
    std::uint32_t pack = 0;
    std::uint32_t offset = 0;
    std::uint32_t sealed_length = 0;
};
static_assert(sizeof(Record) == 44);

struct Parts {
    std::vector<StoredPack> packs;
    std::span<const Record> records;  ///< in the bytes that were parsed
};

/// Checks the whole file against its SHA-256 and its order. Fault::corrupt.
Parts parse(ByteView bytes);

/// Writes beside `path` and renames over it in finish(). Not finished: nothing changes.
class Writer {
public:
    Writer(const std::filesystem::path& path, const std::vector<StoredPack>& packs);
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    ~Writer();
    /// In order of id, each once.
    void add(const Record& record);
    void finish();

private:
    void flush();

    std::filesystem::path path_, temporary_;
    Descriptor file_;
    Sha256 sum_;
    Bytes block_;
    std::uint64_t packs_ = 0, records_ = 0;
    bool finished_ = false;
};

}  // namespace varve::chunk_index_file

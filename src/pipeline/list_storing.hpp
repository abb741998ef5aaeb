/// The end of a backup: the list is written, cut and stored like content, and where its chunks lie goes to the manifest.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "pipeline/ingest.hpp"
#include "pipeline/list_writer.hpp"

namespace varve {

/// A file that is removed unless it is kept.
class ScratchFile {
public:
    explicit ScratchFile(std::filesystem::path path) : path_{std::move(path)} {}
    ScratchFile(ScratchFile&& other) noexcept : path_{std::exchange(other.path_, {})} {}
    ScratchFile& operator=(ScratchFile&&) = delete;
    ~ScratchFile();
    const std::filesystem::path& path() const noexcept { return path_; }
    std::filesystem::path keep() noexcept { return std::exchange(path_, {}); }

private:
    std::filesystem::path path_;
};

/// io thread; inside the run of `group`.
struct ListStoring {
    /// Appends the next bytes, at most `bytes_max`; false: that was all. cpu pool.
    using Next = std::function<bool(Bytes& into, std::size_t bytes_max)>;

    Pools& pools;
    TaskGroup& group;
    std::shared_ptr<Workroom> room;
    const ChunkIndex& index;
    std::function<std::shared_ptr<ContentStream>(asio::any_io_executor)> stream;
    std::uint64_t entries_bytes_max;

    /// Waits for every store, ends every open pack and waits until all are taken: then they have names.
    Task<> close_packs();
    /// Stores the list and fills in packs, new_packs and list. Gives the list file, to be kept when all went well.
    Task<ScratchFile> store(MappedFile entries, std::filesystem::path folder, IngestResult& result);

private:
    std::vector<StoredPack> packs_by_number() const;
    Task<Content> store_content(Next next);
    /// Chunk entries; marks the packs of the index that they need.
    Bytes locate(const Content& content, std::vector<std::uint8_t>& used) const;
};

}  // namespace varve

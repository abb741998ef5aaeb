/// The file list kept from the last backup: what an unchanged file is carried over from.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "pipeline/content_stream.hpp"
#include "pipeline/ingest.hpp"
#include "pipeline/mapped_file.hpp"
#include "varve/clock.hpp"
#include "varve/driver.hpp"

namespace varve {

/// A mapped file and 16 bytes an entry. Unchanging; any thread.
class PreviousList {
public:
    /// Without entries when it is not there; one that does not have its digest is reported and treated the same. Blocks.
    static PreviousList open(const KeptList& kept);

    /// The content that `entry` had, when device, inode, size, mtime and ctime are the same, both times lie at least two seconds
    /// before `began`, and `index` knows every chunk of it. Nothing: read the file.
    std::optional<Content> find(const Entry& entry, Instant began, const ChunkIndex& index) const;

    /// See MappedFile::let_go().
    void let_go() const noexcept { file_.let_go(); }

private:
    struct Place {
        std::uint64_t path_hash = 0;
        std::uint64_t offset = 0;
    };
    MappedFile file_;
    std::vector<Place> places_;  ///< by path_hash
};

}  // namespace varve

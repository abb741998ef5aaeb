/// A backup's file list, read back: on disk without a name, mapped; eight bytes of memory an entry.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/format.hpp"
#include "pipeline/mapped_file.hpp"
#include "pipeline/pack_shelf.hpp"

namespace varve {

/// Unchanging; any thread.
class RecallList {
public:
    /// Follows the manifest to every chunk of the list, checks them, and keeps the list in a file of `scratch` that nobody else
    /// can open. io thread.
    static Task<std::shared_ptr<const RecallList>> load(Pools& pools, PackShelf& shelf, format::ManifestContent content,
                                                        std::filesystem::path scratch);

    std::size_t size() const noexcept { return offsets_.size(); }
    /// See MappedFile::let_go().
    void let_go() const noexcept { file_.let_go(); }
    std::string path(std::size_t ordinal) const;
    /// The first entry whose path is not before `path`; size() when all are.
    std::size_t first_from(std::string_view path) const;
    std::optional<std::size_t> find(std::string_view path) const;
    /// An entry as it is stored.
    ByteView encoded(std::size_t ordinal) const;
    /// Fault::corrupt when it cannot be read.
    format::FileEntry message(std::size_t ordinal) const;
    Entry entry(std::size_t ordinal) const;
    /// Which entry is meant: by its ordinal where that has its path, else by its path. Fault::missing.
    std::size_t ordinal_of(const Entry& entry) const;

private:
    explicit RecallList(MappedFile file);

    MappedFile file_;
    std::vector<std::uint64_t> offsets_;
};

}  // namespace varve

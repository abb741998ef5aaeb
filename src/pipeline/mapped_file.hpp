/// A file of ours, mapped for reading: its bytes belong to the page cache and not to our memory.
#pragma once

#include <filesystem>

#include "varve/bytes.hpp"
#include "varve/file.hpp"

namespace varve {

/// The bytes may be read from any thread. The file must not shrink while it is mapped: ours are only ever replaced.
class MappedFile {
public:
    MappedFile() = default;
    /// Fault::missing when it is not there. Blocks.
    static MappedFile open(const std::filesystem::path& path);
    /// Of a file that is open already, and stays usable when the descriptor is closed.
    static MappedFile of(const Descriptor& file, const std::filesystem::path& path_for_messages);
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    ~MappedFile();

    ByteView bytes() const noexcept { return {data_, size_}; }
    /// What was read so far need not stay with us: for whoever reads a large file from one end to the other. The bytes stay
    /// valid, and come from the page cache when they are wanted again. Any thread.
    void let_go() const noexcept;

private:
    const std::uint8_t* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace varve

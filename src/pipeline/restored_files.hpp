/// The files a restore writes: created when their first byte comes, a few hundred open at a time.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "varve/driver.hpp"
#include "varve/file.hpp"

namespace varve {

/// Any thread; every call blocks. Never follows a link in the last component of a path, never opens what is no regular file.
class RestoredFiles {
public:
    RestoredFiles(std::vector<std::filesystem::path> paths, WriteMode mode);

    /// For writing. WriteMode::create: created with mode 0600; Fault::conflict when something was there before us.
    /// WriteMode::delta: what is there is opened; Fault::conflict when it is no regular file.
    std::shared_ptr<const Descriptor> open(std::uint32_t file);
    /// What is there already, for reading; nothing when nothing is. WriteMode::delta.
    std::optional<LocalFile> find(std::uint32_t file) const;
    void write(std::uint32_t file, std::uint64_t offset, ByteView bytes);
    /// The disk may begin with these bytes: so that little is left to do when all of it must be durable.
    void begin_writeback(std::uint32_t file, std::uint64_t from, std::uint64_t to) noexcept;
    /// The file has exactly `size` bytes from now on. Also creates what nothing was written to.
    void set_size(std::uint32_t file, std::uint64_t size);
    /// Takes away a file that we created and cannot fill.
    void remove_created(std::uint32_t file);
    const std::filesystem::path& path(std::uint32_t file) const { return files_[file].path; }

private:
    static constexpr std::size_t open_max = 256;

    struct File {
        std::filesystem::path path;
        std::shared_ptr<const Descriptor> handle;
        bool created = false;
    };

    std::vector<File> files_;
    WriteMode mode_;
    std::mutex mutex_;
    std::deque<std::uint32_t> open_;  ///< files with a handle, the oldest first
};

}  // namespace varve

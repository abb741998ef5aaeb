/// The files a restore writes: created when their first byte comes, a few hundred open at a time.
#pragma once

#include <array>
#include <atomic>
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
    struct Wanted {
        std::filesystem::path path;
        std::uint64_t size = 0;                                ///< bytes it will have
        std::shared_ptr<const OpenedFolder> within = nullptr;  ///< as in FileTarget
        bool sparse = false;                                   ///< as in FileTarget
    };
    RestoredFiles(std::vector<Wanted> wanted, WriteMode mode);

    /// For writing. WriteMode::create: created with mode 0600; Fault::conflict when something was there before us.
    /// WriteMode::delta: what is there is opened; Fault::conflict when it is no regular file.
    std::shared_ptr<const Descriptor> open(std::uint32_t file);
    /// What is there already, for reading; nothing when nothing is. WriteMode::delta.
    std::optional<LocalFile> find(std::uint32_t file) const;
    /// Large new files are written past the page cache where the filesystem can: what is restored does not push out what
    /// running databases keep there, and costs half the time. That needs `bytes` that lie in memory as they lie in the file,
    /// modulo 4096 (see WriteBatch); others are written all the same.
    void write(std::uint32_t file, std::uint64_t offset, ByteView bytes);
    /// The file has exactly `size` bytes from now on. Also creates what nothing was written to.
    void set_size(std::uint32_t file, std::uint64_t size);
    /// Takes away a file that we created and cannot fill.
    void remove_created(std::uint32_t file);
    const std::filesystem::path& path(std::uint32_t file) const { return files_[file].path; }

private:
    static constexpr std::size_t open_max = 256;

    struct File : Wanted {
        std::shared_ptr<const Descriptor> handle, direct;  ///< direct: a second handle, past the page cache
        bool created = false;
    };
    struct Handles {
        std::shared_ptr<const Descriptor> plain, direct;
    };

    Handles handles(std::uint32_t file);
    std::mutex& door(std::uint32_t file) { return doors_[file % doors_.size()]; }
    /// Its caller holds the file's door.
    void make_handles(File& file);
    std::shared_ptr<const Descriptor> open_direct(const File& file, const Descriptor& handle);
    static void write_around_holes(const Descriptor& file, std::uint64_t offset, ByteView bytes,
                                   const std::filesystem::path& path);
    static void write_plain(const Descriptor& file, std::uint64_t offset, ByteView bytes, const std::filesystem::path& path);

    void flush_now_and_then(const Descriptor& file, std::uint64_t bytes, const std::filesystem::path& path);

    std::vector<File> files_;
    WriteMode mode_;
    std::atomic<bool> direct_ = true;           ///< false once the filesystem refused
    std::atomic<std::uint64_t> unflushed_ = 0;  ///< bytes written past the page cache
    std::array<std::mutex, 16> doors_;          ///< each of some files: making one takes long, and others need not wait for it
    std::mutex mutex_;                          ///< of open_; taken alone
    std::deque<std::uint32_t> open_;            ///< files with a handle, the oldest first
};

}  // namespace varve

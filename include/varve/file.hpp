/// Files of the user and files of our own. Every call blocks: use a pool.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "varve/bytes.hpp"

namespace varve {

/// Owns one file descriptor.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) noexcept : fd_{fd} {}
    Descriptor(Descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    int get() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }
    explicit operator bool() const noexcept { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// A user's file, opened for reading by the only door there is: O_PATH first, a look at what it is, then /proc/self/fd.
/// So nothing is opened by mistake (a device, a FIFO that blocks). All LocalFiles of one inode in the process share one
/// descriptor, which is closed with the last of them: POSIX locks on a file, as SQLite takes them, are dropped by any close in
/// the process, so who holds a LocalFile of a database keeps everybody else in the process from unlocking it.
/// Reads are positioned: several threads may share one LocalFile.
class LocalFile {
public:
    /// Fault::missing, denied, unsupported (not a regular file). `path` is kept for messages.
    static LocalFile open(const std::filesystem::path& path);
    /// As open(), below `directory`; the last component is not followed when it is a link.
    static LocalFile open_at(int directory, const std::string& name, const std::filesystem::path& path_for_messages);

    const std::filesystem::path& path() const noexcept { return path_; }
    const struct ::stat& status() const noexcept { return status_; }  ///< as it was when opened
    std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(status_.st_size); }
    int descriptor() const noexcept { return file_->get(); }
    /// Fills as much of `into` as the file has from `offset` on; the count is short only at the end of the file.
    std::size_t read_at(std::uint64_t offset, std::span<std::uint8_t> into) const;
    /// stat now.
    struct ::stat status_now() const;

private:
    LocalFile(Descriptor found, std::filesystem::path path);

    std::filesystem::path path_;
    std::shared_ptr<const Descriptor> file_;
    struct ::stat status_{};
};

/// The Error for a failed system call: fault by errno, the call, the path, and errno as text.
class Error system_error(int error_number, const std::string& call, const std::filesystem::path& path);

/// Reads a whole small file (configuration, keys). Fault::invalid when it is larger than `bytes_max`.
Bytes read_file(const std::filesystem::path& path, std::uint64_t bytes_max = 64u << 20);
/// Nothing when the path does not exist.
std::optional<Bytes> find_file(const std::filesystem::path& path, std::uint64_t bytes_max = 64u << 20);

/// Writes whole or not at all: temporary name, fsync, rename over, fsync of the directory.
void replace_file(const std::filesystem::path& path, ByteView content, mode_t mode = 0600);
/// As replace_file, but Fault::conflict when `path` is there already.
void create_file(const std::filesystem::path& path, ByteView content, mode_t mode = 0600);

/// Writes all of `bytes`; throws with path, offset and counts on a short write (ENOSPC, EIO, EDQUOT).
void write_all(int fd, ByteView bytes, const std::filesystem::path& path);
void write_all_at(int fd, std::uint64_t offset, ByteView bytes, const std::filesystem::path& path);

void fsync_directory(const std::filesystem::path& path);
/// The filesystems that `directories` lie on, held from before the first write: what then fails on its way to the disk is
/// reported by sync(), and directories may shut us out meanwhile.
class HeldFilesystems {
public:
    explicit HeldFilesystems(const std::vector<std::filesystem::path>& directories);
    /// Everything that was written to them is durable: one syncfs each.
    void sync() const;

private:
    struct Held {
        std::filesystem::path path;
        Descriptor folder;
    };
    std::vector<Held> held_;
};
/// mkdir -p with `mode` for what is new; every new directory and its parent is fsynced.
void make_directories(const std::filesystem::path& path, mode_t mode = 0700);

/// Bytes that can still be written to the filesystem that holds `path` (or its nearest existing parent).
std::uint64_t free_bytes(const std::filesystem::path& path);

/// An exclusive flock on a file of ours, held until this ends.
class FileLock {
public:
    /// Nothing when another process holds it. The holder's pid is written into the file, for messages.
    static std::optional<FileLock> try_take(const std::filesystem::path& path);
    /// The pid written by the holder, or 0.
    static int holder(const std::filesystem::path& path);

private:
    explicit FileLock(Descriptor file) : file_{std::move(file)} {}
    Descriptor file_;
};

}  // namespace varve

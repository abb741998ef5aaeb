#include "varve/file.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/shared_files.hpp"
#include "varve/error.hpp"

namespace varve {
namespace {

bool is_full(int error_number) { return error_number == ENOSPC || error_number == EDQUOT; }

/// read() or pread() until `into` is full or the file ends.
template <class Read>
std::size_t fill(std::span<std::uint8_t> into, const std::filesystem::path& path, Read read) {
    std::size_t filled = 0;
    while (filled < into.size()) {
        const auto count = read(into.data() + filled, into.size() - filled, filled);
        if (count == 0) break;
        if (count < 0) {
            if (errno == EINTR) continue;
            throw system_error(errno, "read", path);
        }
        filled += static_cast<std::size_t>(count);
    }
    return filled;
}

/// write() or pwrite() until `bytes` are written.
template <class Write>
void drain(ByteView bytes, std::uint64_t offset, const std::filesystem::path& path, Write write) {
    std::size_t written = 0;
    while (written < bytes.size()) {
        const auto count = write(bytes.data() + written, bytes.size() - written, written);
        if (count > 0) {
            written += static_cast<std::size_t>(count);
            continue;
        }
        if (count < 0 && errno == EINTR) continue;
        // A write of nothing without a reason: the filesystem is at its end.
        throw system_error(count < 0 ? errno : ENOSPC, "write", path)
            .with("offset", std::to_string(offset))
            .with("bytes_wanted", std::to_string(bytes.size()))
            .with("bytes_written", std::to_string(written));
    }
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

Descriptor::~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
}

Error system_error(int error_number, const std::string& call, const std::filesystem::path& path) {
    const auto why = std::generic_category().message(error_number);
    Error error{fault_of_errno(error_number), "cannot " + call + " " + path.string() + ": " + why};
    error.with("errno", std::to_string(error_number)).with("path", path.string());
    if (is_full(error_number)) error.hint("Free space (or raise the quota) on the filesystem that holds " + path.string() + ".");
    if (error_number == EIO) error.hint("Read the kernel's log: the device under " + path.string() + " reports errors.");
    return error;
}

LocalFile LocalFile::open(const std::filesystem::path& path) {
    Descriptor found{::open(path.c_str(), O_PATH | O_CLOEXEC)};
    if (!found) throw system_error(errno, "open", path);
    return LocalFile{std::move(found), path};
}

LocalFile LocalFile::open_at(int directory, const std::string& name, const std::filesystem::path& path_for_messages) {
    Descriptor found{::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)};
    if (!found) throw system_error(errno, "open", path_for_messages);
    return LocalFile{std::move(found), path_for_messages};
}

LocalFile::LocalFile(Descriptor found, std::filesystem::path path) : path_{std::move(path)} {
    if (::fstat(found.get(), &status_) != 0) throw system_error(errno, "stat", path_);
    if (!S_ISREG(status_.st_mode)) throw Error{Fault::unsupported, path_.string() + " is not a regular file"};
    file_ = open_shared(found, status_, path_);
}

std::size_t LocalFile::read_at(std::uint64_t offset, std::span<std::uint8_t> into) const {
    return fill(into, path_, [&](std::uint8_t* at, std::size_t count, std::size_t filled) {
        return ::pread(file_->get(), at, count, static_cast<off_t>(offset + filled));
    });
}

struct ::stat LocalFile::status_now() const {
    struct ::stat now{};
    if (::fstat(file_->get(), &now) != 0) throw system_error(errno, "stat", path_);
    return now;
}

std::optional<Bytes> find_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!file) {
        if (errno == ENOENT || errno == ENOTDIR) return {};
        throw system_error(errno, "open", path);
    }
    // Sizes of special files are not to be trusted: read until the end, by blocks.
    constexpr std::size_t block_bytes = 64u << 10;
    Bytes content;
    for (;;) {
        const auto before = content.size();
        content.resize(before + block_bytes);
        const auto room = std::span{content}.subspan(before);
        const auto count =
            fill(room, path, [&](std::uint8_t* at, std::size_t wanted, std::size_t) { return ::read(file.get(), at, wanted); });
        content.resize(before + count);
        if (content.size() > bytes_max) {
            throw Error{Fault::invalid, path.string() + " is larger than " + std::to_string(bytes_max) + " bytes"};
        }
        if (count < block_bytes) return content;
    }
}

Bytes read_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
    if (auto content = find_file(path, bytes_max)) return *std::move(content);
    throw system_error(ENOENT, "open", path);
}

void write_all(int fd, ByteView bytes, const std::filesystem::path& path) {
    drain(bytes, 0, path, [fd](const std::uint8_t* at, std::size_t count, std::size_t) { return ::write(fd, at, count); });
}

void write_all_at(int fd, std::uint64_t offset, ByteView bytes, const std::filesystem::path& path) {
    drain(bytes, offset, path, [fd, offset](const std::uint8_t* at, std::size_t count, std::size_t written) {
        return ::pwrite(fd, at, count, static_cast<off_t>(offset + written));
    });
}

std::uint64_t free_bytes(const std::filesystem::path& path) {
    auto existing = std::filesystem::absolute(path);
    struct ::statvfs found{};
    while (::statvfs(existing.c_str(), &found) != 0) {
        if (errno != ENOENT || !existing.has_relative_path()) throw system_error(errno, "statvfs", existing);
        existing = existing.parent_path();
    }
    return static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
}

}  // namespace varve

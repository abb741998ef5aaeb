/// One database as of one commit, whether it is in WAL mode or not: what a copy of its file alone would not be.
/// The files driver takes databases in a tree by it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "varve/bytes.hpp"
#include "varve/file.hpp"

namespace varve::sqlite {

/// Whether the file begins as every SQLite database does. Reads a hundred bytes.
bool is_database(const LocalFile& file);
/// The database that `name` is a companion of (`shop.db` of `shop.db-wal`, `-shm` and `-journal`); empty for other names.
std::string_view owner_of_companion(std::string_view name);

/// Holds a read transaction until it ends: in WAL mode nobody waits for it, in other modes writers do. Blocks; from any thread,
/// and any part of it may be read by several at once.
class Capture {
public:
    /// Fault::denied (another user's database, and we are not root), unsupported (a network filesystem), overloaded (locked).
    explicit Capture(const std::filesystem::path& path);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    /// Of the whole image.
    std::uint64_t bytes() const noexcept;
    /// From a multiple of 64 KiB on; at most `bytes_max`, a multiple of 64 KiB too, fewer only at the end.
    Bytes read(std::uint64_t offset, std::uint64_t bytes_max) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace varve::sqlite

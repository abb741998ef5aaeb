/// When each object of one copy was last read and found good: a small file that may be lost.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <unordered_map>

#include "repository/object_keys.hpp"

namespace varve {

/// Blocks in read() and save().
class VerifyMemory {
public:
    /// Remembered instead of a time for what was damaged when it was last read.
    static constexpr Instant found_damaged{};

    /// Empty when the file is missing or is not one.
    static VerifyMemory read(const std::filesystem::path& path);
    void save(const std::filesystem::path& path) const;

    std::optional<Instant> find(const Digest& name) const;
    void remember(const Digest& name, Instant checked) { checked_[short_of(name)] = checked; }
    /// Drops what is not there any more.
    void keep_only(const std::vector<Digest>& names);

private:
    static std::uint64_t short_of(const Digest& name);
    std::unordered_map<std::uint64_t, Instant> checked_;
};

}  // namespace varve

/// When each object of one copy was last read and found good: a small file that may be lost.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <unordered_map>
#include <unordered_set>

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
    friend class KnownDamage;
    static std::uint64_t short_of(const Digest& name);
    std::unordered_map<std::uint64_t, Instant> checked_;
};

/// What verifications found damaged or missing in any copy: no new backup may rely on it. A value; any thread may ask.
class KnownDamage {
public:
    /// By the memory that verifications left in `folder`. Blocks.
    static KnownDamage read(const std::filesystem::path& folder);
    bool contains(const Digest& name) const { return names_.contains(VerifyMemory::short_of(name)); }

private:
    std::unordered_set<std::uint64_t> names_;
};

/// Where a verification keeps its memory of one copy.
std::filesystem::path verify_memory_file(const std::filesystem::path& folder, const RepositoryName& copy, int level);

}  // namespace varve

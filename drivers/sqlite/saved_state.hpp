/// What a follower remembers over a restart. All of it may be lost: that costs one base backup.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "sqlite/wal_tail.hpp"

namespace varve::sqlite {

struct SavedState {
    TailState tail;
    std::uint64_t device = 0, inode = 0;  ///< of the database file
    std::string boot;                     ///< the kernel's boot id: a power cut may take back what a WAL held
};

/// In one source's own folder: as of the begin of the WAL generation at hand, as of the last stop, and the marks that lie behind.
/// A state that cannot be kept costs a base backup later: that is a warning, and nobody is stopped by it. Blocks.
class SavedStates {
public:
    explicit SavedStates(std::filesystem::path folder) : folder_{std::move(folder)} {}

    void keep_generation(const SavedState& state) const;
    void keep_stop(const SavedState& state) const;
    /// Durable when it ends; this one does throw.
    void keep_mark(const LineageName& lineage, LogMark mark) const;
    void forget() const;
    /// Of the lineage at hand, the newest first. One that is damaged is passed over.
    std::vector<SavedState> find() const;
    /// Those of `lineage` from `position` on, in order.
    std::deque<LogMark> find_marks(const LineageName& lineage, std::uint64_t position) const;

private:
    std::filesystem::path folder_;
};

std::string boot_id();

}  // namespace varve::sqlite

/// How far the archived log carries one backup along one lineage. The ground of restore_choice and recovery_windows.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "policy/restore_choice.hpp"

namespace varve {

/// A backup rolled forward along its way to a lineage, as far as the log goes without a hole.
struct LogTrace {
    const ArchivedBackup* base = nullptr;
    LineagePath path{};         ///< see RestoreChoice::path
    LineageName end_lineage{};  ///< where it ends: the wanted lineage, or an ancestor in which a hole stops it
    std::uint64_t end = 0;      ///< position there
    Instant entered{};          ///< newest instant known to lie before the wanted lineage's own part
    Instant until{};            ///< the last instant it reaches: every one from base->stop_time to here can be had
    std::optional<Instant> last_commit{};
};

/// The log of an archive, joined into runs. Borrows the archive.
class LogTree {
public:
    struct Run {
        std::uint64_t from = 0, to = 0;
    };

    explicit LogTree(const ArchiveContent& archive);

    /// Runs of a lineage in order; between two of them is a hole.
    const std::vector<Run>& runs(const LineageName& lineage) const;
    /// Lineages with a backup or log, the one written to last first.
    const std::vector<LineageName>& by_newest_tip() const noexcept { return by_tip_; }
    /// From the root to `name`, as far as the archive names them; empty when it does not name `name`.
    std::vector<const Lineage*> ancestry(const LineageName& name) const;
    /// Nothing when `base` does not lie on the way to `lineage`.
    std::optional<LogTrace> trace(const ArchivedBackup& base, const LineageName& lineage) const;
    /// The newest commit known to lie before `end`.
    std::optional<Instant> newest_commit(const LineageName& lineage, std::uint64_t end) const {
        return times_up_to(lineage, end).commit;
    }

private:
    struct Times {
        std::optional<Instant> commit, known;
    };
    const Run* run_at(const LineageName& lineage, std::uint64_t position) const;
    Times times_up_to(const LineageName& lineage, std::uint64_t end) const;
    std::uint64_t first_needed(const ArchivedBackup& base, const Lineage* next) const;
    bool advance(LogTrace& trace, const Lineage& lineage, std::uint64_t needed, std::optional<std::uint64_t> wanted,
                 std::optional<std::uint64_t> exit) const;

    const ArchiveContent& archive_;
    std::map<LineageName, std::vector<Run>> runs_;
    std::vector<LineageName> by_tip_;
};

}  // namespace varve

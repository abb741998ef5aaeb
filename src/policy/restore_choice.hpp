/// Which backup and which stretches of log lead to an instant, and which instants can be reached at all. Pure: backups,
/// log and tree of lineages come in as values, a decision goes out before a byte is read or written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "varve/driver.hpp"

namespace varve {

/// A committed backup, as the choice sees it.
struct ArchivedBackup {
    BackupId id;
    std::optional<LogPosition> start{};  ///< recovery begins here; absent for sources without a log
    std::optional<LogPosition> stop{};   ///< consistent from here on; log is needed from here
    std::uint64_t log_end = 0;           ///< or from here, up to where the backup has its own; less than stop: from stop
    Instant stop_time{};                 ///< a target at or after it can use this backup
    Instant expires{};
    bool partial = false;  ///< has unreadable entries or bad pages
};

/// Log [from, to) of one lineage that can be read without a hole. Stretches may overlap or touch; any order.
struct ArchivedLog {
    LineageName lineage;
    std::uint64_t from = 0, to = 0;
    std::optional<Instant> last_commit{};  ///< newest commit known in the lineage up to `to`
    /// Every commit up to this time lies before `to`, as far as is known: set it where the follower had caught up. Else the
    /// last commit is the last instant that can be promised.
    std::optional<Instant> known_through{};
    Instant stored_at;  ///< by the store's clock: the lineage written to last is the one that `latest` means
};

/// All that the archive holds of one source.
struct ArchiveContent {
    std::vector<ArchivedBackup> backups{};
    /// Every one that a stretch, a backup or a parent names. One that has a parent goes on counting positions from there.
    std::vector<Lineage> lineages{};
    std::vector<ArchivedLog> log{};
    /// How the engine prints a position, for messages; decimal when empty.
    std::function<std::string(std::uint64_t)> print_position{};
};

/// What is asked for, after the driver has turned names, transactions and GTIDs into positions.
struct ChoiceTarget {
    /// `furthest`: as far as the log carries the base, for targets that only the driver finds in it.
    enum class Kind { latest, immediate, time, position, furthest };
    Kind kind = Kind::latest;
    std::optional<Instant> time{};     ///< Kind::time
    std::uint64_t position = 0;        ///< Kind::position: everything before it must be had
    std::optional<BackupId> backup{};  ///< this base and no other
    /// Along this lineage and no other. Else along the one written to last: an instant or position that only an abandoned end of
    /// another has is refused, for it is no state of the source as it went on. Histories without a common origin are all
    /// searched.
    std::optional<LineageName> lineage{};
};

struct RestoreChoice {
    BackupId base;
    /// What the archive gives from the base on, oldest lineage first. It begins where the log contiguous with the base begins,
    /// not before base.start; what lies before base.stop is in the backup itself too. Empty: the base alone.
    LineagePath path{};
    std::optional<Instant> last_commit{};  ///< newest commit known on the path (Kind::latest: what is reached)
    Instant reached{};                     ///< every instant from the base's stop to here can be had on this way
    std::vector<std::string> notes{};      ///< what a person should know: full sentences
};

/// Instants that can be reached in one lineage, both ends included.
struct RecoveryWindow {
    Instant from, to;
    LineageName lineage;  ///< empty for sources without a log: there each backup is an instant
    friend bool operator==(const RecoveryWindow&, const RecoveryWindow&) = default;
};

/// Error code `point_not_recoverable` (22) when the archive cannot give the target; its context holds `nearest_before` and
/// `nearest_after` where they exist, its remedy names them. Fault::missing when a named backup or lineage is not there.
RestoreChoice choose_restore(const ArchiveContent& archive, const ChoiceTarget& target, Instant now);

/// The lineages that a target is looked for in when none is named: see ChoiceTarget::lineage. For sources with a log.
std::vector<LineageName> ruling_lineages(const ArchiveContent& archive);

/// For `status`: by lineage, then time.
std::vector<RecoveryWindow> recovery_windows(const ArchiveContent& archive);

/// A hole between two stretches of one lineage.
struct LogHole {
    LineageName lineage;
    std::uint64_t from = 0, to = 0;
    std::optional<Instant> last_commit_before{};  ///< newest commit known before it
};
std::vector<LogHole> log_holes(const std::vector<ArchivedLog>& log);

/// The lineage that a person names: by name, or by its `timeline` fact. When several fit, the one with the newest tip. A fork
/// holds bytes that contradict the server's stream: it is found by its name only.
std::optional<LineageName> find_lineage(const ArchiveContent& archive, std::string_view text);

}  // namespace varve

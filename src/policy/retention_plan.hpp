/// Which backups and which log of a source must stay, and why. What nothing keeps may be condemned. The rules of
/// docs/retention.md, over values: nothing is read, and nothing is removed. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "policy/restore_choice.hpp"
#include "policy/tiers.hpp"

namespace varve {

/// A committed backup as one copy of the repository holds it.
struct RetainedBackup : ArchivedBackup {
    Instant begun;      ///< fixed at its start, by the store's clock
    Instant committed;  ///< by the store's clock
    std::string tiers;
    bool everywhere = true;  ///< committed on every required copy
    bool verified = false;   ///< level 1 passed since
    bool readable = true;    ///< false: the manifest is damaged, and nothing but id, begun and tiers is known
};

/// One log object.
struct RetainedLog : ArchivedLog {
    std::uint64_t bytes = 0;  ///< stored
};

/// A stretch [from, to) of one lineage.
struct LogSpan {
    LineageName lineage;
    std::uint64_t from = 0, to = 0;
};

/// A signed statement that counts: who may make it was looked at before.
struct RetentionNote {
    enum class Kind { suspect, acknowledged, hold, release, retire, shorten };
    Kind kind = Kind::hold;
    Instant time;
    std::optional<BackupId> backup{};  ///< nothing: the source
    std::optional<Instant> until{};    ///< hold, shorten
    std::optional<LogSpan> log{};      ///< hold: of this log alone
};

/// All that one copy of the repository holds of one source. Copies are judged one by one: one that is behind keeps more.
struct RetentionArchive {
    std::vector<RetainedBackup> backups{};  ///< in any order
    std::vector<RetainedLog> log{};
    std::vector<Lineage> lineages{};  ///< see ArchiveContent
    std::vector<RetentionNote> notes{};
};

/// What tells whether the time can be believed. All but `host` by the store's clock.
struct RetentionClocks {
    Instant store;  ///< now; ages are measured on it
    Instant host;
    std::vector<Instant> objects{};       ///< when objects of the repository were put, whatever they are and whose
    std::vector<Instant> acknowledged{};  ///< when an admin acknowledged a silence: notes that name no backup
};

enum class KeepReason {
    not_expired,      ///< the expiry signed in its manifest (or an older `shorten`) is ahead
    held,             ///< by a note
    unreadable,       ///< nobody knows until when it was to be kept
    no_anchor,        ///< no eligible base is older than the point-in-time window
    window_base,      ///< the point-in-time window is reached from it
    two_newest,       ///< floor: of the eligible ones
    newest_verified,  ///< floor
    newest_monthly,   ///< floor
    young_log,        ///< log that is not older than the point-in-time window
    way_of_base,      ///< log on the way from a base of the window
};
/// "its expiry is ahead": half a sentence.
std::string words_of(KeepReason reason);

struct Kept {
    KeepReason reason = KeepReason::not_expired;
    std::optional<Instant> until{};  ///< nothing: no end can be told
    friend bool operator==(const Kept&, const Kept&) = default;
};

struct BackupDecision {
    std::vector<Kept> kept;  ///< in the order of KeepReason; none: it may be condemned
    Instant expires;         ///< as signed, or as an admin shortened it
    bool shortened = false;
};
struct LogDecision {
    std::vector<Kept> kept;
    Instant ages;  ///< when it grows older than the point-in-time window
};

/// Why nothing at all may be condemned now.
struct RetentionPause {
    enum class Kind {
        suspect,                 ///< of the source, until an admin acknowledges
        clocks_differ,           ///< host and store
        future_object,           ///< an object is newer than now
        silence,                 ///< nothing was put for long: the store's clock may have leapt
        silence_unacknowledged,  ///< nothing had been put for long, and nobody said that this was so
    };
    Kind kind = Kind::suspect;
    std::optional<BackupId> backup{};  ///< suspect, where a backup is
    Instant time;                      ///< of the note, the object, the newest object, the end of the silence; the store's clock
    friend bool operator==(const RetentionPause&, const RetentionPause&) = default;
};
/// What is wrong, and what ends it: two half sentences.
std::string words_of(const RetentionPause& pause);
std::string remedy_of(const RetentionPause& pause);

struct RetentionPlan {
    std::vector<RetentionPause> pauses;   ///< while there is one, nothing is condemned whatever the decisions say
    std::vector<BackupDecision> backups;  ///< as in the archive, one by one
    std::vector<LogDecision> log;         ///< likewise
};

/// `rule`: of new backups; of it only the point-in-time window governs what is there. Without one (`pitr = "none"`) no base is
/// needed for it, and log is kept for the length of a daily backup.
RetentionPlan plan_retention(const RetentionArchive& archive, const RetentionRule& rule, const PolicyZone& zone,
                             const RetentionClocks& clocks);

}  // namespace varve

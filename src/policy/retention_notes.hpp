/// What the notes about a source mean for keeping its backups at an instant. Of retention_plan.
#pragma once

#include <functional>

#include "policy/retention_plan.hpp"

namespace varve {

/// Borrows the archive.
class RetentionNotes {
public:
    RetentionNotes(const RetentionArchive& archive, Instant now) : archive_{archive}, now_{now} {}

    /// Suspect notes that no admin has answered, oldest first.
    std::vector<const RetentionNote*> suspects() const;
    bool suspect(const BackupId& backup) const;
    /// The hold on a backup, or on all of the source (nothing given); of several the longest.
    struct Hold {
        std::optional<Instant> until;  ///< nothing: until it is released
    };
    std::optional<Hold> hold(const std::optional<BackupId>& backup) const;
    /// The hold on a log object: on all of the source, or on a stretch that it has a part of.
    std::optional<Hold> hold(const RetainedLog& log) const;
    /// Of the newest `shorten` note that is old enough.
    std::optional<Instant> shortened_to(const BackupId& backup) const;
    /// Given up by an admin: the floors do not keep it. A backup that began after it ends what was said of the source.
    bool retired(const BackupId& backup) const;
    bool source_retired() const;

private:
    std::optional<Hold> longest_hold(const std::function<bool(const RetentionNote&)>& fits) const;
    /// A note that lets something go and comes from the future does not count yet.
    bool counts(const RetentionNote& note, RetentionNote::Kind kind) const { return note.kind == kind && note.time <= now_; }

    const RetentionArchive& archive_;
    Instant now_;
};

}  // namespace varve

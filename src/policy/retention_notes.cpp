#include "policy/retention_notes.hpp"

#include <algorithm>

namespace varve {

namespace {

using Kind = RetentionNote::Kind;

/// How old a `shorten` note must be: time to notice one that was not meant.
constexpr std::chrono::hours shorten_waits{72};

}  // namespace

std::vector<const RetentionNote*> RetentionNotes::suspects() const {
    std::vector<const RetentionNote*> found;
    for (const auto& note : archive_.notes) {
        if (note.kind != Kind::suspect) continue;
        const bool answered = std::ranges::any_of(archive_.notes, [&](const RetentionNote& answer) {
            return counts(answer, Kind::acknowledged) && answer.time >= note.time &&
                   (!answer.backup || answer.backup == note.backup);
        });
        if (!answered) found.push_back(&note);
    }
    std::ranges::sort(found,
                      [](const auto* a, const auto* b) { return std::tie(a->time, a->backup) < std::tie(b->time, b->backup); });
    return found;
}

bool RetentionNotes::suspect(const BackupId& backup) const {
    return std::ranges::any_of(suspects(), [&](const RetentionNote* note) { return note->backup == backup; });
}

std::optional<RetentionNotes::Hold> RetentionNotes::hold(const std::optional<BackupId>& backup) const {
    return longest_hold([&](const RetentionNote& note) { return note.backup == backup && !note.log; });
}

std::optional<RetentionNotes::Hold> RetentionNotes::hold(const RetainedLog& log) const {
    return longest_hold([&](const RetentionNote& note) {
        if (note.backup) return false;
        return !note.log || (note.log->lineage == log.lineage && log.from < note.log->to && note.log->from < log.to);
    });
}

std::optional<RetentionNotes::Hold> RetentionNotes::longest_hold(const std::function<bool(const RetentionNote&)>& fits) const {
    std::optional<Hold> longest;
    for (const auto& note : archive_.notes) {
        if (note.kind != Kind::hold || !fits(note) || (note.until && *note.until <= now_)) continue;
        const bool released = std::ranges::any_of(archive_.notes, [&](const RetentionNote& release) {
            return counts(release, Kind::release) && release.backup == note.backup && release.time >= note.time;
        });
        if (released) continue;
        const bool longer = !longest || !note.until || (longest->until && *note.until > *longest->until);
        if (longer) longest = Hold{note.until};
    }
    return longest;
}

std::optional<Instant> RetentionNotes::shortened_to(const BackupId& backup) const {
    const RetentionNote* newest = nullptr;
    for (const auto& note : archive_.notes) {
        if (note.kind != Kind::shorten || note.backup != backup || !note.until || note.time + shorten_waits > now_) continue;
        if (newest == nullptr || std::tie(note.time, *note.until) > std::tie(newest->time, *newest->until)) newest = &note;
    }
    return newest == nullptr ? std::nullopt : newest->until;
}

bool RetentionNotes::retired(const BackupId& backup) const {
    return std::ranges::any_of(archive_.notes,
                               [&](const RetentionNote& note) { return counts(note, Kind::retire) && note.backup == backup; });
}

bool RetentionNotes::source_retired() const {
    return std::ranges::any_of(archive_.notes, [&](const RetentionNote& note) {
        return counts(note, Kind::retire) && !note.backup &&
               std::ranges::none_of(archive_.backups, [&](const RetainedBackup& backup) { return backup.begun > note.time; });
    });
}

}  // namespace varve

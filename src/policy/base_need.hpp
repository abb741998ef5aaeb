/// When a base backup is due, and when one is needed at once. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/calendar.hpp"
#include "policy/restore_choice.hpp"

namespace varve {

/// No backup leads to the newest log: what is committed now cannot be had back, however much log is archived.
struct BaseNeed {
    LineageName lineage;           ///< the one written to last
    std::vector<LogHole> holes{};  ///< on the way to it; none: no backup lies on that way at all
};

/// Nothing while some backup, rolled forward, reaches the end of the lineage that was written to last: every hole then lies
/// before that backup or beside its way. Nothing too for an archive without log. Lineages of forked files never count as the
/// newest.
std::optional<BaseNeed> base_need(const ArchiveContent& archive);
/// "the log has a gap that no base backup closes yet": half a sentence.
std::string words_of(const BaseNeed& need);

/// The start that the schedule counts from, of `starts` (newest first): a backup that is dated in the future, because a clock was
/// wrong then, must not put the next one off for as long. Nothing without a backup.
std::optional<Instant> counted_start(const std::vector<Instant>& starts, Instant now);

/// Without a first backup nothing can be restored, so it does not wait for the night; a run that was missed is due at once.
Instant backup_due(std::optional<Instant> last_start, Instant now, const Schedule& schedule, const Zone& zone);

}  // namespace varve

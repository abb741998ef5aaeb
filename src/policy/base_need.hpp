/// When a base backup is needed at once, whatever the schedule says. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

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

}  // namespace varve

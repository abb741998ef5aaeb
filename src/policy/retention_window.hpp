/// The point-in-time window: which bases and which log every instant of it is reached from. Of retention_plan.
#pragma once

#include <map>
#include <vector>

#include "policy/retention_plan.hpp"

namespace varve {

/// When something of `time` grows older than `length`.
Instant ages_at(Instant time, const KeepLength& length, const PolicyZone& zone);
/// A log object's age counts from here: no commit in it is newer, and it was not put later.
Instant last_time(const RetainedLog& log);

struct RetentionWindow {
    bool no_anchor = false;                           ///< no base and no log may go
    std::vector<bool> bases;                          ///< of the archive's backups, one by one: needed for the window
    std::map<LineageName, std::uint64_t> log_needed;  ///< of these lineages, what lies behind a position

    bool on_a_way(const RetainedLog& log) const;
};

/// Without a window of `length` before `now`, nothing is needed. `eligible`: of the archive's backups, one by one.
/// `retired`: no more is to come, and the window passes away with what is there.
RetentionWindow retention_window(const RetentionArchive& archive, const std::vector<bool>& eligible, const KeepLength& length,
                                 const PolicyZone& zone, Instant now, bool retired);

}  // namespace varve

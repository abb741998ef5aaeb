/// Which scheduled run is due now. What outlives a restart is when runs began, as the repository tells: nothing else is
/// remembered. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "policy/calendar.hpp"

namespace varve {

/// The due times of one source's runs of one kind. Borrows both.
struct RunCalendar {
    const Schedule& schedule;
    const Zone& zone;
    std::chrono::microseconds later_by{};  ///< see spread_of()
};

/// Since when a run is due (then it is not after `now`), or when the next one will be. A due time is met by one start, at it or
/// before the next due time; of several that were missed only the last is made up for. The clocks that date a start and that tell
/// `now` may differ by some minutes, and either may have been set back in between: that makes no run begin twice.
/// `starts`: when runs began, in any order. Without any the first is due at once: a first backup does not wait for the night, for
/// nothing can be restored without it. What shall begin in its turn counts from something else that is stored.
Instant next_run(const RunCalendar& calendar, const std::vector<Instant>& starts, Instant now);

/// How much later than the schedule says this source runs, always the same, below `within`: so that many sources with one
/// schedule do not all begin at once. In whole seconds.
std::chrono::microseconds spread_of(std::string_view source, std::chrono::microseconds within);

/// A run that waits for its time.
struct WaitingRun {
    std::string source;
    std::string what;  ///< "backup", "drill"
    Instant due;       ///< next_run()
    friend bool operator==(const WaitingRun&, const WaitingRun&) = default;
};
/// Those that begin now, when `free` more may: the longest due first, and of one source one at a time. `busy`: sources of which a
/// run goes on.
std::vector<WaitingRun> runs_to_begin(std::vector<WaitingRun> waiting, const std::vector<std::string>& busy, std::size_t free,
                                      Instant now);

}  // namespace varve

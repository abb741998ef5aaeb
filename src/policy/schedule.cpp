#include "policy/schedule.hpp"

#include <algorithm>
#include <optional>

namespace varve {

using namespace std::chrono;
using namespace std::chrono_literals;

namespace {

/// The clocks of host and store may differ by this much before collection pauses and `check` complains.
constexpr minutes clock_slack{5};
/// A start that is dated further ahead was dated by a wrong clock; what else that clock said is no better.
constexpr days ahead_max{1};
/// A leap day over a century without one.
constexpr days looked_back_max{9 * 366};

/// The last due time that is not after `now`; nothing when there was none for years.
std::optional<Instant> last_due(const RunCalendar& calendar, Instant now) {
    for (microseconds back = 1min; back < 2 * looked_back_max; back *= 2) {
        auto due = calendar.schedule.next_after(now - back, calendar.zone);
        if (due > now) continue;
        for (auto next = due; next <= now; next = calendar.schedule.next_after(next, calendar.zone)) due = next;
        return due;
    }
    return {};
}

/// Whether one of `starts` met the due time `due`, the last one before `now`.
bool met(const RunCalendar& calendar, const std::vector<Instant>& starts, Instant due, Instant now) {
    const auto next = calendar.schedule.next_after(due, calendar.zone);
    const auto early = std::min<microseconds>(clock_slack, (next - due) / 4);
    const bool clock_was_wrong = std::ranges::any_of(starts, [&](Instant start) { return start > now + ahead_max; });
    return std::ranges::any_of(starts, [&](Instant start) {
        const bool to_be_believed = start <= now || !clock_was_wrong;
        // One that seems to be ahead has begun all the same: the store's clock is.
        const auto end = start > now ? next + early : next;
        return to_be_believed && start >= due - early && start < end;
    });
}

}  // namespace

Instant next_run(const RunCalendar& calendar, const std::vector<Instant>& starts, Instant now) {
    if (starts.empty()) return now;
    // On the schedule's own time.
    const auto then = now - calendar.later_by;
    std::vector<Instant> began;
    for (const auto start : starts) began.push_back(start - calendar.later_by);

    const auto due = last_due(calendar, then);
    if (due && !met(calendar, began, *due, then)) return *due + calendar.later_by;
    return calendar.schedule.next_after(then, calendar.zone) + calendar.later_by;
}

std::chrono::microseconds spread_of(std::string_view source, std::chrono::microseconds within) {
    const auto steps = static_cast<std::uint64_t>(std::max<std::int64_t>(duration_cast<seconds>(within).count(), 1));
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a: the same in every build
    for (const char letter : source) hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211U;
    return seconds{static_cast<std::int64_t>(hash % steps)};
}

std::vector<WaitingRun> runs_to_begin(std::vector<WaitingRun> waiting, const std::vector<std::string>& busy, std::size_t free,
                                      Instant now) {
    std::ranges::sort(waiting, {}, [](const WaitingRun& run) { return std::tie(run.due, run.source, run.what); });
    auto taken = busy;
    std::vector<WaitingRun> begin;
    for (auto& run : waiting) {
        if (begin.size() == free || run.due > now) break;
        if (std::ranges::find(taken, run.source) != taken.end()) continue;
        taken.push_back(run.source);
        begin.push_back(std::move(run));
    }
    return begin;
}

}  // namespace varve

#include "policy/log_trace.hpp"

#include <algorithm>

namespace varve {

namespace {

void raise(std::optional<Instant>& highest, std::optional<Instant> other) {
    if (other && (!highest || *other > *highest)) highest = other;
}

}  // namespace

LogTree::LogTree(const ArchiveContent& archive) : archive_{archive} {
    std::map<LineageName, Instant> tips;
    const auto seen = [&](const LineageName& lineage, Instant when) {
        const auto [tip, added] = tips.try_emplace(lineage, when);
        if (!added) tip->second = std::max(tip->second, when);
    };
    for (const auto& stretch : archive.log) {
        runs_[stretch.lineage].push_back({stretch.from, stretch.to});
        seen(stretch.lineage, stretch.stored_at);
    }
    for (const auto& backup : archive.backups)
        if (backup.stop) seen(backup.stop->lineage, backup.stop_time);

    for (auto& [lineage, runs] : runs_) {
        std::ranges::sort(runs, {}, &Run::from);
        std::vector<Run> joined;
        for (const auto& run : runs) {
            if (joined.empty() || run.from > joined.back().to)
                joined.push_back(run);
            else
                joined.back().to = std::max(joined.back().to, run.to);
        }
        runs = std::move(joined);
    }
    for (const auto& [lineage, tip] : tips) by_tip_.push_back(lineage);
    std::ranges::sort(by_tip_, [&](const auto& a, const auto& b) { return std::tie(tips.at(a), a) > std::tie(tips.at(b), b); });
}

const std::vector<LogTree::Run>& LogTree::runs(const LineageName& lineage) const {
    static const std::vector<Run> none;
    const auto found = runs_.find(lineage);
    return found == runs_.end() ? none : found->second;
}

std::vector<const Lineage*> LogTree::ancestry(const LineageName& name) const {
    std::vector<const Lineage*> way;
    for (auto wanted = name;;) {
        const auto found = std::ranges::find(archive_.lineages, wanted, &Lineage::name);
        if (found == archive_.lineages.end() || std::ranges::find(way, &*found) != way.end()) break;
        way.push_back(&*found);
        if (!found->parent) break;
        wanted = found->parent->lineage;
    }
    std::ranges::reverse(way);
    return way;
}

const LogTree::Run* LogTree::run_at(const LineageName& lineage, std::uint64_t position) const {
    for (const auto& run : runs(lineage))
        if (run.from <= position && position <= run.to) return &run;
    return nullptr;
}

LogTree::Times LogTree::times_up_to(const LineageName& lineage, std::uint64_t end) const {
    Times times;
    for (const auto& stretch : archive_.log) {
        if (stretch.lineage != lineage || stretch.to > end) continue;
        raise(times.commit, stretch.last_commit);
        raise(times.known, stretch.known_through);
    }
    // A backup that lies on the way says that every commit until its end is before the end of its own log.
    for (const auto& backup : archive_.backups)
        if (backup.stop && backup.stop->lineage == lineage && backup.log_end >= backup.stop->at && backup.log_end <= end)
            raise(times.known, backup.stop_time);
    return times;
}

/// One lineage of the way, from `needed` on to `exit` (nothing: its end). False when a hole, or the end of what was archived,
/// comes first.
bool LogTree::advance(LogTrace& trace, const Lineage& lineage, std::uint64_t needed, std::optional<std::uint64_t> wanted,
                      std::optional<std::uint64_t> exit) const {
    const auto* run = run_at(lineage.name, needed);
    if (!run) return exit && *exit == needed;
    const auto to = exit ? std::min(*exit, run->to) : run->to;
    const auto from = wanted ? std::min(std::max(run->from, *wanted), needed) : run->from;
    if (from < to) trace.path.push_back({.lineage = lineage, .from = from, .to = to});
    trace.end_lineage = lineage.name;
    trace.end = std::max(to, needed);

    const auto times = times_up_to(lineage.name, to);
    raise(trace.last_commit, times.commit);
    trace.until = std::max({trace.until, times.commit.value_or(trace.until), times.known.value_or(trace.until)});
    return !exit || to == *exit;
}

/// Log is needed from where the backup is consistent; or from where its own log ends, when what is archived begins only there.
std::uint64_t LogTree::first_needed(const ArchivedBackup& base, const Lineage* next) const {
    const auto stop = base.stop->at;
    if (base.log_end <= stop || run_at(base.stop->lineage, stop)) return stop;
    if (next != nullptr && next->parent->at >= stop && next->parent->at <= base.log_end) return next->parent->at;
    return run_at(base.stop->lineage, base.log_end) ? base.log_end : stop;
}

std::optional<LogTrace> LogTree::trace(const ArchivedBackup& base, const LineageName& lineage) const {
    LogTrace trace;
    trace.base = &base;
    trace.entered = trace.until = base.stop_time;
    if (!base.stop) return trace;
    trace.end_lineage = base.stop->lineage;
    trace.end = base.stop->at;

    const auto way = ancestry(lineage);
    auto here = std::ranges::find(way, base.stop->lineage, [](const Lineage* step) { return step->name; });
    if (here == way.end()) return {};
    auto needed = first_needed(base, std::next(here) == way.end() ? nullptr : *std::next(here));
    std::optional<std::uint64_t> wanted = base.start && base.start->lineage == base.stop->lineage ? base.start->at : needed;
    for (; here != way.end(); ++here) {
        const auto next = std::next(here);
        std::optional<std::uint64_t> exit;
        if (next != way.end()) exit = (*next)->parent->at;
        if (exit && *exit < needed) return {};  // the base lies on a branch that the way leaves before it
        trace.entered = trace.until;
        if (!advance(trace, **here, needed, wanted, exit)) break;
        if (exit) needed = *exit;
        wanted.reset();
    }
    // A base that reaches no log but its own stays useful; only a way beyond an abandoned branch does not.
    return trace;
}

}  // namespace varve

#include "jobs/log_gaps.hpp"

#include <algorithm>
#include <tuple>

namespace varve {

namespace {

bool overlap(const LogGap& a, const LogGap& b) { return a.lineage == b.lineage && a.from < b.to && b.from < a.to; }

bool is_archived(const LogGap& gap, const std::vector<LineageLog>& lineages) {
    for (const auto& log : lineages)
        for (const auto& stretch : log.stretches)
            if (log.lineage.name == gap.lineage && stretch.from <= gap.from && gap.to <= stretch.to) return true;
    return false;
}

std::vector<LogGap> holes_of(const std::vector<LineageLog>& lineages) {
    std::vector<LogGap> holes;
    for (const auto& log : lineages) {
        for (std::size_t index = 1; index < log.stretches.size(); ++index) {
            const auto& before = log.stretches[index - 1];
            holes.push_back({.lineage = log.lineage.name,
                             .from = before.to,
                             .to = log.stretches[index].from,
                             .time = before.last_commit,
                             .reason = {}});
        }
    }
    return holes;
}

/// Into the holes that it explains. False: it explains none.
bool explain(std::vector<LogGap>& holes, const LogGap& note) {
    bool explained = false;
    for (auto& hole : holes) {
        if (!overlap(hole, note)) continue;
        explained = true;
        if (!hole.reason.empty()) continue;
        hole.reason = note.reason;
        hole.time = note.time;
    }
    return explained;
}

void add(std::vector<LogGap>& open, const LogGap& note) {
    const auto known = std::ranges::find_if(open, [&](const LogGap& gap) { return overlap(gap, note); });
    if (known == open.end()) {
        open.push_back(note);
        return;
    }
    known->from = std::min(known->from, note.from);
    known->to = std::max(known->to, note.to);
}

}  // namespace

std::vector<LogGap> log_gaps(const std::vector<LogGap>& noted, const std::vector<LineageLog>& lineages) {
    auto gaps = holes_of(lineages);
    std::vector<LogGap> open;
    for (const auto& note : noted)
        if (!is_archived(note, lineages) && !explain(gaps, note)) add(open, note);
    for (auto& hole : gaps)
        if (hole.reason.empty()) hole.reason = "no log object covers it";
    std::ranges::move(open, std::back_inserter(gaps));
    std::ranges::sort(gaps, [](const LogGap& a, const LogGap& b) {
        return std::tie(a.lineage, a.from, a.to) < std::tie(b.lineage, b.from, b.to);
    });
    return gaps;
}

}  // namespace varve

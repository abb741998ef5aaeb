#include "policy/base_need.hpp"

#include <algorithm>

#include "policy/log_trace.hpp"

namespace varve {

namespace {

bool is_fork(const ArchiveContent& archive, const LineageName& name) {
    const auto known = std::ranges::find(archive.lineages, name, &Lineage::name);
    return known != archive.lineages.end() && known->facts.contains("forked_from");
}

/// Holes of the lineages that lead to `tip`, each as far as the way follows it.
std::vector<LogHole> holes_on_the_way(const ArchiveContent& archive, const LogTree& tree, const LineageName& tip) {
    std::vector<LogHole> holes;
    const auto way = tree.ancestry(tip);
    for (const auto& hole : log_holes(archive.log)) {
        auto step = std::ranges::find(way, hole.lineage, [](const Lineage* lineage) { return lineage->name; });
        if (step == way.end()) {
            if (hole.lineage == tip) holes.push_back(hole);  // a lineage that the archive does not describe
            continue;
        }
        const auto next = std::next(step);
        if (next == way.end() || hole.from < (*next)->parent->at) holes.push_back(hole);
    }
    return holes;
}

}  // namespace

std::optional<BaseNeed> base_need(const ArchiveContent& archive) {
    const LogTree tree{archive};
    const auto& names = tree.by_newest_tip();
    const auto tip = std::ranges::find_if(names, [&](const LineageName& name) { return !is_fork(archive, name); });
    if (tip == names.end() || archive.log.empty()) return {};
    const auto& runs = tree.runs(*tip);
    const auto end = runs.empty() ? 0 : runs.back().to;
    for (const auto& backup : archive.backups) {
        if (!backup.stop) continue;
        const auto trace = tree.trace(backup, *tip);
        if (trace && trace->end_lineage == *tip && trace->end >= end) return {};
    }
    return BaseNeed{.lineage = *tip, .holes = holes_on_the_way(archive, tree, *tip)};
}

std::string words_of(const BaseNeed& need) {
    if (need.holes.empty()) return "no base backup leads to the newest log, of lineage " + need.lineage.text();
    return "the log has a gap that no base backup closes yet";
}

}  // namespace varve

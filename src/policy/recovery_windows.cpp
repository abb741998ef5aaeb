#include <algorithm>

#include "policy/log_trace.hpp"

namespace varve {

namespace {

bool earlier(const RecoveryWindow& a, const RecoveryWindow& b) { return std::tie(a.from, a.to) < std::tie(b.from, b.to); }

/// Windows of one lineage that overlap become one.
std::vector<RecoveryWindow> joined(std::vector<RecoveryWindow> windows) {
    std::ranges::sort(windows, earlier);
    std::vector<RecoveryWindow> result;
    for (const auto& window : windows) {
        if (result.empty() || window.from > result.back().to)
            result.push_back(window);
        else
            result.back().to = std::max(result.back().to, window.to);
    }
    return result;
}

}  // namespace

std::vector<RecoveryWindow> recovery_windows(const ArchiveContent& archive) {
    const LogTree tree{archive};
    std::vector<RecoveryWindow> all;
    for (const auto& backup : archive.backups)
        if (!backup.stop) all.push_back({.from = backup.stop_time, .to = backup.stop_time, .lineage = {}});
    std::ranges::sort(all, earlier);

    auto names = tree.by_newest_tip();
    std::ranges::sort(names);
    for (const auto& name : names) {
        std::vector<RecoveryWindow> windows;
        for (const auto& backup : archive.backups) {
            if (!backup.stop) continue;
            const auto trace = tree.trace(backup, name);
            if (trace && trace->end_lineage == name)
                windows.push_back({.from = trace->entered, .to = trace->until, .lineage = name});
        }
        std::ranges::move(joined(std::move(windows)), std::back_inserter(all));
    }
    return all;
}

std::vector<LogHole> log_holes(const std::vector<ArchivedLog>& log) {
    ArchiveContent archive;
    archive.log = log;
    const LogTree tree{archive};
    auto names = tree.by_newest_tip();
    std::ranges::sort(names);

    std::vector<LogHole> holes;
    for (const auto& name : names) {
        const auto& runs = tree.runs(name);
        for (std::size_t i = 1; i < runs.size(); ++i) {
            LogHole hole{.lineage = name, .from = runs[i - 1].to, .to = runs[i].from, .last_commit_before = {}};
            for (const auto& stretch : log)
                if (stretch.lineage == name && stretch.to <= hole.from && stretch.last_commit)
                    hole.last_commit_before =
                        std::max(hole.last_commit_before.value_or(*stretch.last_commit), *stretch.last_commit);
            holes.push_back(std::move(hole));
        }
    }
    return holes;
}

std::optional<LineageName> find_lineage(const ArchiveContent& archive, std::string_view text) {
    const LogTree tree{archive};
    for (const auto& name : tree.by_newest_tip())
        if (name.text() == text) return name;
    for (const auto& name : tree.by_newest_tip()) {
        const auto known = std::ranges::find(archive.lineages, name, &Lineage::name);
        if (known == archive.lineages.end() || known->facts.contains("forked_from")) continue;
        const auto timeline = known->facts.find("timeline");
        if (timeline != known->facts.end() && timeline->second == text) return name;
    }
    return {};
}

}  // namespace varve

#include "policy/retention_window.hpp"

#include <algorithm>

namespace varve {

namespace {

Instant stop_of(const RetainedBackup& backup) { return std::max(backup.stop_time, backup.committed); }
bool is_base(const RetainedBackup& backup) { return backup.readable && backup.stop; }
const LogPosition& first_of(const RetainedBackup& base) { return base.start ? *base.start : *base.stop; }

/// Bases in the order in which they became consistent.
bool earlier(const RetainedBackup& a, const RetainedBackup& b) {
    return std::tuple{stop_of(a), a.begun, a.id} < std::tuple{stop_of(b), b.begun, b.id};
}

class WindowFinder {
public:
    WindowFinder(const RetentionArchive& archive, const std::vector<bool>& eligible, const KeepLength& length,
                 const PolicyZone& zone, Instant now, bool retired)
        : archive_{archive}, eligible_{eligible}, length_{length}, zone_{zone}, now_{now}, retired_{retired} {
        for (const auto& backup : archive.backups)
            if (is_base(backup)) seen(backup.stop->lineage, stop_of(backup));
        for (const auto& log : archive.log) seen(log.lineage, last_time(log));
    }

    RetentionWindow find() const {
        RetentionWindow window;
        window.bases.assign(archive_.backups.size(), false);
        const auto tips = live_tips();
        if (tips.empty()) return window;
        const RetainedBackup* oldest = nullptr;
        for (const auto& tip : tips) {
            const auto found = anchor(tip);
            if (found.only_ineligible) window.no_anchor = true;
            if (found.base && (!oldest || earlier(*found.base, *oldest))) oldest = found.base;
        }
        if (!oldest) window.no_anchor = true;
        if (window.no_anchor) return window;
        for (std::size_t i = 0; i < archive_.backups.size(); ++i) {
            const auto& backup = archive_.backups[i];
            if (!is_base(backup) || earlier(backup, *oldest)) continue;
            window.bases[i] = true;
            need_log(window, backup);
        }
        return window;
    }

private:
    void seen(const LineageName& lineage, Instant when) {
        const auto [known, added] = newest_.try_emplace(lineage, when);
        if (!added) known->second = std::max(known->second, when);
    }

    bool older(Instant time) const { return ages_at(time, length_, zone_) < now_; }

    /// The ends of lineages that the window reaches to: an abandoned branch until all of it is older. The one written to last is
    /// where the source goes on, however long it has been silent.
    std::vector<LineageName> live_tips() const {
        Instant newest{Instant::duration::min()};
        for (const auto& [lineage, when] : newest_) newest = std::max(newest, when);
        std::vector<LineageName> tips;
        for (const auto& [lineage, when] : newest_)
            if (!older(when) || (when == newest && !retired_)) tips.push_back(lineage);
        return tips;
    }

    /// Whether the way to `lineage` leads over `position`: by the points where branches left, whatever they are called.
    bool leads_to(const LogPosition& position, LineageName lineage) const {
        for (std::size_t steps = 0; steps <= archive_.lineages.size(); ++steps) {
            if (lineage == position.lineage) return true;
            const auto known = std::ranges::find(archive_.lineages, lineage, &Lineage::name);
            if (known == archive_.lineages.end() || !known->parent) return false;
            if (known->parent->lineage == position.lineage && known->parent->at < position.at) return false;
            lineage = known->parent->lineage;
        }
        return false;
    }

    struct Anchor {
        const RetainedBackup* base = nullptr;
        bool only_ineligible = false;  ///< bases older than the window lead there, and none that counts
    };
    Anchor anchor(const LineageName& tip) const {
        Anchor found;
        bool old_ones = false;
        for (std::size_t i = 0; i < archive_.backups.size(); ++i) {
            const auto& backup = archive_.backups[i];
            if (!is_base(backup) || !older(stop_of(backup)) || !leads_to(*backup.stop, tip)) continue;
            old_ones = true;
            if (eligible_[i] && (!found.base || earlier(*found.base, backup))) found.base = &backup;
        }
        found.only_ineligible = old_ones && !found.base;
        return found;
    }

    /// All that comes after a base in its own lineage and in those that branched off behind it: they count on from there.
    void need_log(RetentionWindow& window, const RetainedBackup& base) const {
        const auto& first = first_of(base);
        for (const auto& [lineage, newest] : newest_) {
            if (!leads_to(first, lineage)) continue;
            const auto [known, added] = window.log_needed.try_emplace(lineage, first.at);
            if (!added) known->second = std::min(known->second, first.at);
        }
    }

    const RetentionArchive& archive_;
    const std::vector<bool>& eligible_;
    const KeepLength& length_;
    const PolicyZone& zone_;
    Instant now_;
    bool retired_;
    std::map<LineageName, Instant> newest_;  ///< of each lineage
};

}  // namespace

Instant ages_at(Instant time, const KeepLength& length, const PolicyZone& zone) {
    return expiry_of(time, "d", RetentionRule{.daily = length}, zone);
}

Instant last_time(const RetainedLog& log) { return std::max(log.stored_at, log.last_commit.value_or(log.stored_at)); }

/// An object without bytes tells where its lineage came from: it belongs to what begins where it lies.
bool RetentionWindow::on_a_way(const RetainedLog& log) const {
    const auto needed = log_needed.find(log.lineage);
    if (needed == log_needed.end()) return false;
    return log.to > needed->second || (log.from == log.to && log.to == needed->second);
}

RetentionWindow retention_window(const RetentionArchive& archive, const std::vector<bool>& eligible, const KeepLength& length,
                                 const PolicyZone& zone, Instant now, bool retired) {
    return WindowFinder{archive, eligible, length, zone, now, retired}.find();
}

}  // namespace varve

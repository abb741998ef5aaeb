#include "policy/restore_choice.hpp"

#include <algorithm>

#include "policy/log_trace.hpp"
#include "varve/error.hpp"

namespace varve {

namespace {

using Kind = ChoiceTarget::Kind;

/// Lower is better: a whole backup that is still to be kept.
int blemishes(const ArchivedBackup& backup, Instant now) { return (backup.partial ? 2 : 0) + (backup.expires < now ? 1 : 0); }

class Chooser {
public:
    Chooser(const ArchiveContent& archive, const ChoiceTarget& target, Instant now)
        : archive_{archive}, target_{target}, now_{now}, tree_{archive} {}

    RestoreChoice choose() {
        check_names();
        if (target_.kind == Kind::immediate) return immediate();
        auto found = target_.kind == Kind::latest ? latest() : target_.kind == Kind::furthest ? furthest() : within();
        if (!found) refuse();
        RestoreChoice choice{.base = found->base->id,
                             .path = found->path,
                             .last_commit = found->last_commit,
                             .reached = found->until,
                             .notes = notes_};
        note_blemishes(choice, *found->base);
        return choice;
    }

    /// Where an instant or a position is looked for: on the way to the lineage written to last (of those that a named backup
    /// leads to), and in histories that have nothing in common with it.
    std::vector<LineageName> ruling() const {
        std::vector<LineageName> names;
        for (const auto& lineage : lineages()) {
            const bool asked_for = target_.lineage == lineage;
            if (!asked_for && (is_fork(lineage) || (target_.backup && traces(lineage).empty()))) continue;
            const auto same_origin = [&](const LineageName& ruling) { return origin_of(ruling) == origin_of(lineage); };
            if (std::ranges::none_of(names, same_origin)) names.push_back(lineage);
        }
        return names;
    }

private:
    std::string printed(std::uint64_t position) const {
        return archive_.print_position ? archive_.print_position(position) : std::to_string(position);
    }

    void check_names() const {
        const auto named = [&](const ArchivedBackup& backup) { return backup.id == *target_.backup; };
        if (target_.backup && std::ranges::none_of(archive_.backups, named))
            throw Error{Fault::missing, "there is no backup '" + target_.backup->text() + "' of this source"}
                .code("backup_not_found", 1)
                .hint("List them with: varve backup list");
        if (target_.lineage && std::ranges::find(tree_.by_newest_tip(), *target_.lineage) == tree_.by_newest_tip().end())
            throw Error{Fault::missing, "the archive holds no lineage '" + target_.lineage->text() + "'"}
                .code("point_not_recoverable", 22)
                .hint("List them with: varve log list");
        if (archive_.backups.empty())
            throw Error{Fault::missing, "there is no backup of this source yet"}
                .code("point_not_recoverable", 22)
                .hint("Take one with: varve backup run SOURCE");
    }

    /// Every lineage that was not ruled out, the one written to last first.
    std::vector<LineageName> lineages() const {
        if (target_.lineage) return {*target_.lineage};
        auto names = tree_.by_newest_tip();
        if (names.empty()) names.emplace_back();  // a source without a log
        return names;
    }

    LineageName origin_of(const LineageName& lineage) const {
        const auto way = tree_.ancestry(lineage);
        return way.empty() ? lineage : way.front()->name;
    }

    std::vector<LogTrace> traces(const LineageName& lineage) const {
        std::vector<LogTrace> found;
        for (const auto& backup : archive_.backups) {
            if (target_.backup && backup.id != *target_.backup) continue;
            if (auto trace = tree_.trace(backup, lineage)) found.push_back(std::move(*trace));
        }
        return found;
    }

    /// Whole before blemished, then the newest: it needs the least log.
    bool better(const LogTrace& a, const LogTrace& b) const {
        const auto rank_a = blemishes(*a.base, now_), rank_b = blemishes(*b.base, now_);
        return rank_a != rank_b ? rank_a < rank_b : a.base->stop_time > b.base->stop_time;
    }

    bool reaches(const LogTrace& trace) const {
        if (target_.kind == Kind::position)
            return trace.base->stop && trace.base->stop->at <= target_.position && target_.position <= trace.end;
        if (trace.base->stop_time > *target_.time) return false;
        return !trace.base->stop || *target_.time <= trace.until;  // without a log, the newest backup before it is the answer
    }

    std::optional<LogTrace> within() {
        std::optional<LogTrace> best;
        for (const auto& lineage : ruling()) {
            if (best) break;
            for (auto& trace : traces(lineage))
                if (reaches(trace) && (!best || better(trace, *best))) best = std::move(trace);
        }
        if (best && target_.time && best->base->stop)
            for (const auto& lineage : lineages())
                for (const auto& trace : traces(lineage))
                    if (trace.end_lineage == lineage && reaches(trace) && parted_before(*best, trace, *target_.time))
                        note_other(lineage);
        if (best && target_.time && best->last_commit && *best->last_commit < *target_.time)
            notes_.push_back("The newest commit in the archive on this way is of " + to_rfc3339(*best->last_commit) +
                             "; that is the state restored.");
        if (best && !best->base->stop && target_.time && best->base->stop_time < *target_.time)
            notes_.push_back("The newest backup before that time ended at " + to_rfc3339(best->base->stop_time) + ".");
        return best;
    }

    /// Whether `other` had left the chosen way (or never shared it) before `when`.
    bool parted_before(const LogTrace& chosen, const LogTrace& other, Instant when) const {
        if (other.entered >= when) return false;
        for (const auto& step : chosen.path)
            if (step.lineage.name == other.end_lineage)
                return step.to < other.end && tree_.newest_commit(step.lineage.name, step.to).value_or(when) < when;
        return true;
    }

    void note_other(const LineageName& lineage) {
        const auto note = "Another lineage, " + lineage.text() + ", also holds that instant; --timeline chooses it.";
        if (std::ranges::find(notes_, note) == notes_.end()) notes_.push_back(note);
    }

    /// Along the lineage written to last. What lies beyond a gap is newer than all that can be had: then `latest` is refused,
    /// because an older state under that name would be taken for the newest.
    std::optional<LogTrace> latest() {
        for (const auto& lineage : lineages()) {
            const auto best = furthest_in(lineage);
            const auto& runs = tree_.runs(lineage);
            if (best && (runs.empty() || best->end >= runs.back().to)) return best;
            const auto beyond = runs.empty() ? "lineage " + lineage.text()
                                             : "the log from " + printed(runs.back().from) + " to " + printed(runs.back().to);
            if (!best && is_fork(lineage)) {
                notes_.push_back("No backup leads to the fork " + lineage.text() + ".");
                continue;
            }
            if (!target_.backup) refuse_beyond_gap(beyond);
            if (!best) continue;
            notes_.push_back("A gap lies between this backup and " + beyond + ": that is not reached.");
            return best;
        }
        return {};
    }

    std::optional<LogTrace> furthest() const {
        for (const auto& lineage : ruling()) {
            std::optional<LogTrace> best;
            for (auto& trace : traces(lineage))
                if (!best || better(trace, *best)) best = std::move(trace);
            if (best) return best;
        }
        return {};
    }

    std::optional<LogTrace> furthest_in(const LineageName& lineage) const {
        std::optional<LogTrace> best;
        for (auto& trace : traces(lineage)) {
            if (trace.end_lineage != lineage) continue;
            if (!best || trace.end > best->end || (trace.end == best->end && better(trace, *best))) best = std::move(trace);
        }
        return best;
    }

    bool is_fork(const LineageName& name) const {
        const auto known = std::ranges::find(archive_.lineages, name, &Lineage::name);
        return known != archive_.lineages.end() && known->facts.contains("forked_from");
    }

    RestoreChoice immediate() const {
        const ArchivedBackup* best = nullptr;
        for (const auto& backup : archive_.backups) {
            if (target_.backup && backup.id != *target_.backup) continue;
            if (target_.lineage && (!backup.stop || backup.stop->lineage != *target_.lineage)) continue;
            const LogTrace candidate{.base = &backup};
            if (!best || better(candidate, LogTrace{.base = best})) best = &backup;
        }
        if (!best) refuse();
        RestoreChoice choice{.base = best->id, .reached = best->stop_time};
        note_blemishes(choice, *best);
        return choice;
    }

    void note_blemishes(RestoreChoice& choice, const ArchivedBackup& base) const {
        if (base.partial)
            choice.notes.push_back("Backup " + base.id.text() +
                                   " is partial: some entries or pages could not be read when it was taken.");
        if (base.expires < now_)
            choice.notes.push_back("Backup " + base.id.text() + " was to be kept until " + to_rfc3339(base.expires) +
                                   " and may be removed at any time.");
    }

    [[noreturn]] void refuse() const;
    [[noreturn]] void refuse_beyond_gap(const std::string& beyond) const;
    std::string elsewhere() const;

    const ArchiveContent& archive_;
    const ChoiceTarget& target_;
    Instant now_;
    LogTree tree_;
    std::vector<std::string> notes_;
};

/// The reachable value just below and just above the one that was asked for.
template <class Value>
struct Nearest {
    Value wanted{};
    std::optional<Value> before{}, after{};

    void offer(Value from, Value to) {
        if (to < wanted && (!before || to > *before)) before = to;
        if (from > wanted && (!after || from < *after)) after = from;
    }
    /// `elsewhere`: a sentence about another lineage that has it.
    template <class Print>
    Error refusal(std::string what, std::string_view option, std::string elsewhere, Print print) const {
        Error error{Fault::missing, std::move(what)};
        error.code("point_not_recoverable", 22);
        std::string hint;
        if (before) error.with("nearest_before", print(*before));
        if (after) error.with("nearest_after", print(*after));
        for (const auto& near : {before, after})
            if (near)
                hint += (hint.empty() ? "The nearest that can be had: " : " or ") + std::string{option} + " " + print(*near);
        if (!hint.empty()) hint += ".";
        if (!elsewhere.empty()) hint += (hint.empty() ? "" : " ") + elsewhere;
        if (!hint.empty()) error.hint(hint);
        return error;
    }
};

void Chooser::refuse() const {
    Nearest<Instant> times{.wanted = target_.time.value_or(Instant{})};
    Nearest<std::uint64_t> positions{.wanted = target_.position};
    for (const auto& lineage : ruling())
        for (const auto& trace : traces(lineage)) {
            times.offer(trace.base->stop_time, trace.until);
            if (trace.base->stop) positions.offer(trace.base->stop->at, trace.end);
        }
    if (target_.kind == Kind::time)
        throw times.refusal("the archive cannot give back " + to_rfc3339(times.wanted), "--at", elsewhere(), to_rfc3339);
    if (target_.kind == Kind::position)
        throw positions.refusal("the archive cannot give back position " + printed(target_.position), "--lsn", elsewhere(),
                                [this](std::uint64_t position) { return printed(position); });
    throw Error{Fault::missing, "no backup leads to what was asked for"}
        .code("point_not_recoverable", 22)
        .hint("List the backups with: varve backup list");
}

/// The lineage off the way that could give what was asked for, and how to ask for it.
std::string Chooser::elsewhere() const {
    for (const auto& lineage : lineages())
        for (const auto& trace : traces(lineage)) {
            if (!reaches(trace)) continue;
            const auto known = std::ranges::find(archive_.lineages, lineage, &Lineage::name);
            auto name = lineage.text();
            if (known != archive_.lineages.end() && known->facts.contains("timeline"))
                if (const auto& number = known->facts.at("timeline"); find_lineage(archive_, number) == lineage) name = number;
            return "Lineage " + lineage.text() + ", which was left behind, holds it: --timeline " + name + ".";
        }
    return {};
}

void Chooser::refuse_beyond_gap(const std::string& beyond) const {
    std::optional<Instant> reached;
    for (const auto& lineage : lineages())
        for (const auto& trace : traces(lineage)) reached = std::max(reached.value_or(trace.until), trace.until);
    Error error{Fault::missing, "no backup leads to the newest of the archive, " + beyond + ": a gap lies before it"};
    error.code("point_not_recoverable", 22);
    if (!reached) throw error.hint("A new base backup makes it recoverable: varve backup run SOURCE.");
    throw error.with("nearest_before", to_rfc3339(*reached))
        .hint("The newest that can be had: --at " + to_rfc3339(*reached) + ".");
}

}  // namespace

RestoreChoice choose_restore(const ArchiveContent& archive, const ChoiceTarget& target, Instant now) {
    if (target.kind == Kind::time && !target.time) throw Error{Fault::defect, "a target time without a time"};
    return Chooser{archive, target, now}.choose();
}

std::vector<LineageName> ruling_lineages(const ArchiveContent& archive) {
    const ChoiceTarget any;
    return Chooser{archive, any, {}}.ruling();
}

}  // namespace varve

#include "jobs/collect_brakes.hpp"

#include <algorithm>

namespace varve {

namespace {

bool acknowledged(const WholeArchive& whole, const std::string& id) {
    return std::ranges::any_of(whole.archive.notes, [&](const RetentionNote& note) {
        return note.kind == RetentionNote::Kind::acknowledged && note.backup && note.backup->text() == id;
    });
}

CollectRefusal lost(const std::string& what, const std::string& id) {
    return {.reason = what,
            .remedy =
                "The list of backups may be cut short: look with varve verify. If it is lost for good, an admin says so with: "
                "varve backup acknowledge " +
                id};
}

}  // namespace

std::vector<CollectRefusal> missing_backups(const WholeArchive& whole, const SourceName& source, const RepositoryName& copy,
                                            const CollectHistory& history) {
    std::set<BackupId> listed;
    for (const auto i : whole.holding(copy).backups) listed.insert(whole.archive.backups[i].id);
    std::vector<CollectRefusal> refused;
    for (const auto& id : history.known(source)) {
        if (listed.contains(id) || acknowledged(whole, id.text())) continue;
        refused.push_back(lost("Backup " + id.text() + " of " + source.text() + " lay in " + copy.text() +
                                   ", is not listed there any more, and no collector removed it.",
                               id.text()));
    }
    return refused;
}

std::vector<CollectRefusal> broken_chain(const WholeArchive& whole, const SourceName& source,
                                         const std::map<RepositoryName, CollectHistory>& histories) {
    std::set<Digest> listed;
    for (const auto& backup : whole.backups)
        if (const auto name = digest_of(backup.key)) listed.insert(*name);
    std::vector<CollectRefusal> refused;
    for (std::size_t i = 0; i < whole.backups.size(); ++i) {
        const auto& previous = whole.backups[i].previous;
        Digest name{};
        if (previous.size() != name.size()) continue;
        std::ranges::copy(view_of(previous), name.begin());
        const auto removed = [&](const auto& one) { return one.second.may_be_gone(name); };
        if (listed.contains(name) || std::ranges::any_of(histories, removed)) continue;
        const auto digits = to_hex(name).substr(0, 8);
        const bool known = std::ranges::any_of(whole.archive.notes, [&](const RetentionNote& note) {
            return note.kind == RetentionNote::Kind::acknowledged && note.backup && note.backup->text().ends_with(digits);
        });
        if (known) continue;
        refused.push_back(lost("The backup of " + source.text() + " that " + whole.archive.backups[i].id.text() +
                                   " was made after (its hash begins with " + digits +
                                   ") is in no repository, and no collector removed it.",
                               digits));
    }
    return refused;
}

RetentionRule log_rule(RetentionRule rule, const std::optional<CollectHistory::LogAge>& before, Instant now) {
    if (!before) return rule;
    const auto end = [&](const KeepLength& length) { return expiry_of(now, "d", {.daily = length}, {}); };
    const auto longer = [&](const KeepLength& a, const KeepLength& b) { return end(a) > end(b) ? a : b; };
    if (rule.pitr)
        rule.pitr = longer(before->length, *rule.pitr);
    else if (before->window)
        rule.pitr = longer(before->length, rule.daily);
    else
        rule.daily = longer(before->length, rule.daily);
    return rule;
}

}  // namespace varve

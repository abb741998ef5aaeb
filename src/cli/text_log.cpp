#include "cli/format_text.hpp"
#include "cli/results_log.hpp"

namespace varve::cli {

std::string to_text(const LogListResult& result) {
    if (result.lineages.empty()) return "No log of " + result.source.text() + " is archived yet.\n";
    using enum Table::Align;
    Table table{{{"LINEAGE"}, {"FROM"}, {"TO"}, {"LAST COMMIT"}, {"STORED"}, {"OBJECTS", right}, {"SIZE", right}}};
    for (const auto& lineage : result.lineages)
        for (const auto& stretch : lineage.stretches)
            table.add({lineage.name.text(), stretch.from, stretch.to, stretch.last_commit ? time_text(*stretch.last_commit) : "-",
                       time_text(stretch.stored_at), std::to_string(stretch.objects), size_text(stretch.bytes_stored)});
    auto text = table.text();
    for (const auto& lineage : result.lineages)
        if (!lineage.parent.empty()) text += lineage.name.text() + " left its parent at " + printable(lineage.parent) + "\n";
    return text;
}

std::string to_text(const LogGapsResult& result) {
    if (result.gaps.empty()) return "The archived log of " + result.source.text() + " has no gap.\n";
    Table table{{{"LINEAGE"}, {"FROM"}, {"TO"}, {"TIME"}, {"REASON"}}};
    for (const auto& gap : result.gaps)
        table.add({gap.lineage.text(), gap.from, gap.to, gap.time ? time_text(*gap.time) : "-", gap.reason});
    return table.text();
}

std::string to_text(const LogExportResult& result) {
    Table table{{{"FILE"}, {"SIZE", Table::Align::right}}};
    for (const auto& file : result.files) table.add({printable(file.name), size_text(file.bytes)});
    return table.text();
}

std::string to_text(const LogFollowResult& result) {
    auto text = result.source.text() + ": ";
    text += result.position.empty() ? "no log is archived yet" : "log is durable up to " + result.position;
    if (result.caught_up) text += ", which is all there is";
    if (result.gaps != 0) text += "; " + count_text(result.gaps, "gap") + " recorded";
    return text + "\n";
}

std::string to_text(const MarkResult& result) {
    return "The mark " + printable(result.name) + " of " + result.source.text() + " is durable, at " + result.position +
           ".\nTo go back to it: varve restore run " + result.source.text() + " --to PLACE --mark '" + printable(result.name) +
           "'\n";
}

std::string to_text(const WalPushResult& result) {
    if (result.outcome == "already_archived") return result.file + " was archived before.\n";
    if (result.outcome == "forked") return result.file + " differs from what is archived: stored as a lineage of its own.\n";
    if (result.outcome == "not_needed") return result.file + " is nothing an archive needs.\n";
    return result.file + " is archived.\n";
}

/// PostgreSQL puts it into its log for every file: nothing to say when it went well.
std::string to_text(const WalFetchResult&) { return {}; }

}  // namespace varve::cli

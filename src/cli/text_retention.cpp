#include "cli/format_text.hpp"
#include "cli/results_retention.hpp"

namespace varve::cli {

namespace {

std::string names_of(const std::vector<RepositoryName>& copies) {
    std::vector<std::string> words;
    for (const auto& copy : copies) words.push_back(copy.text());
    return joined(words);
}

std::string what_of(const DeletionRow& deletion) {
    if (deletion.backup) return "backup " + deletion.backup->text();
    return "log " + deletion.from + " to " + deletion.to + " (" + count_text(deletion.objects, "object") + ", " +
           size_text(deletion.bytes_stored) + ")";
}

std::string windows_text(const std::string& label, const std::vector<Window>& windows) {
    if (windows.empty()) return "  " + label + ": nothing can be restored\n";
    std::string text;
    for (const auto& window : windows) {
        text += "  " + label + ": " +
                (window.from == window.to ? "at " + time_text(window.from)
                                          : "any instant from " + time_text(window.from) + " to " + time_text(window.to));
        if (windows.size() > 1 && !window.lineage.empty()) text += " (" + printable(window.lineage.text()) + ")";
        text += "\n";
    }
    return text;
}

std::string source_text(const SourceRetentionRow& source, int days) {
    auto text = printable(source.name.text()) + "\n";
    for (const auto& pause : source.paused)
        text +=
            "  Nothing goes now: " + printable(pause.reason) + " (" + names_of(pause.copies) + "), until " + pause.until + ".\n";
    if (!source.unanswered.empty()) text += "  Not judged, because it does not answer: " + names_of(source.unanswered) + "\n";
    Table kept{{{"BACKUP"}, {"TIERS"}, {"KEPT UNTIL"}, {"WHY"}}};
    for (const auto& row : source.backups)
        kept.add({row.id.text(), row.tiers,
                  row.kept_until        ? time_text(*row.kept_until)
                  : row.reasons.empty() ? "now"
                                        : "-",
                  row.reasons.empty() ? "nothing keeps it" : joined(row.reasons, "; ")});
    if (!kept.empty()) text += kept.text();
    if (source.deletions.empty())
        text += "  Nothing will be deleted within " + count_text(static_cast<std::uint64_t>(days), "day") + ".\n";
    Table table{{{"FROM"}, {"GOES"}, {"OF"}, {"WHY"}}};
    for (const auto& deletion : source.deletions)
        table.add({time_text(deletion.time), what_of(deletion), names_of(deletion.copies), deletion.reason});
    if (!table.empty()) text += table.text();
    text += windows_text("recovery now", source.recovery_windows_before);
    text += windows_text("of it then", source.recovery_windows_after);
    return text;
}

}  // namespace

std::string to_text(const RetentionPlanResult& result) {
    std::string text;
    for (const auto& source : result.sources) text += (text.empty() ? "" : "\n") + source_text(source, result.days);
    return text;
}

}  // namespace varve::cli

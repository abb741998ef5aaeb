#include "cli/format_text.hpp"
#include "cli/results_collect.hpp"
#include "varve/error.hpp"

namespace varve::cli {

namespace {

std::string count_of(const CollectCountRow& row) {
    std::vector<std::string> parts;
    if (row.backups > 0) parts.push_back(count_text(row.backups, "backup"));
    if (row.packs > 0) parts.push_back(count_text(row.packs, "pack"));
    if (row.logs > 0) parts.push_back(count_text(row.logs, "log object"));
    if (parts.empty()) return "-";
    return joined(parts) + ", " + size_text(row.bytes_stored);
}

bool anything(const CollectSourceRow& row) {
    return row.condemned.bytes_stored + row.waiting.bytes_stored + row.swept.bytes_stored > 0;
}

std::string copy_text(const CollectCopyRow& copy, bool plan) {
    std::string text = printable(copy.name.text()) + "\n";
    Table table{{{"SOURCE"}, {plan ? "TO CONDEMN" : "CONDEMNED"}, {"WAITING"}, {plan ? "TO REMOVE" : "REMOVED"}, {"NEXT"}}};
    for (const auto& row : copy.sources)
        if (anything(row))
            table.add({row.name.text(), count_of(row.condemned), count_of(row.waiting), count_of(row.swept),
                       row.next_sweep ? time_text(*row.next_sweep) : "-"});
    text += table.empty() ? "  Nothing goes.\n" : table.text();
    for (const auto& row : copy.sources) {
        const auto name = "  " + printable(row.name.text()) + ": ";
        for (const auto& pause : row.paused)
            text += name + "nothing goes: " + printable(pause.reason) + ", until " + pause.until + ".\n";
        for (const auto& refusal : row.refused)
            text += name + "refused: " + printable(refusal.reason) + "\n    " + printable(refusal.remedy) + "\n";
        for (const auto& note : row.notes) text += name + printable(note) + "\n";
    }
    return text;
}

std::string object_text(const CollectObjectRow& row) {
    std::string text = printable(row.name.text()) + ": " + (row.present ? "it is there" : "it is not there") + "\n";
    for (const auto& reason : row.kept_by) text += "  kept: " + printable(reason) + "\n";
    for (const auto& reason : row.stopped_by) text += "  nothing goes: " + printable(reason) + "\n";
    if (row.sweep_after) text += "  may be removed from " + time_text(*row.sweep_after) + " on\n";
    for (const auto& event : row.history)
        text += "  " + time_text(event.time) + " " + event.kind + " by " + printable(event.host) +
                (event.by_admin ? ", signed by the admin" : "") + ": " + printable(event.reason) + "\n";
    return text;
}

}  // namespace

std::string to_text(const CollectResult& result) {
    std::string text;
    for (const auto& copy : result.copies) text += (text.empty() ? "" : "\n") + copy_text(copy, result.plan);
    for (const auto& copy : result.unanswered) text += printable(copy.text()) + ": it does not answer, and nothing of it goes.\n";
    return text;
}

std::optional<Error> shortfall_of(const CollectResult& result) {
    if (result.plan) return {};
    for (const auto& copy : result.copies)
        for (const auto& row : copy.sources) {
            if (!row.refused.empty())
                return Error{Fault::refused, "collection of " + row.name.text() + " in " + copy.name.text() +
                                                 " was stopped: " + row.refused.front().reason}
                    .hint(row.refused.front().remedy)
                    .code("collection_refused", 5);
            if (!row.paused.empty())
                return Error{Fault::refused, "collection of " + row.name.text() + " in " + copy.name.text() +
                                                 " pauses: " + row.paused.front().reason}
                    .hint("It goes on when " + row.paused.front().until + ".")
                    .code("collection_paused", 5);
        }
    return {};
}

std::string to_text(const CollectExplainResult& result) {
    auto text = printable(result.key) + "\n";
    for (const auto& copy : result.copies) text += object_text(copy);
    return text;
}

std::string to_text(const NoteResult& result) {
    const auto what = result.backup ? "backup " + result.backup->text() : "source " + result.source.text();
    auto text = result.kind + ": " + printable(what) + (result.until ? " until " + time_text(*result.until) : "") + "\n";
    for (const auto& note : result.notes) text += "  " + printable(note) + "\n";
    return text;
}

}  // namespace varve::cli

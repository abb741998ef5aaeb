#include "cli/format_text.hpp"
#include "cli/results_restore.hpp"

namespace varve::cli {
namespace {

const char* word_of(Target::Kind kind) {
    switch (kind) {
        case Target::Kind::latest:
            return "latest";
        case Target::Kind::immediate:
            return "immediate";
        case Target::Kind::time:
            return "time";
        case Target::Kind::lsn:
            return "lsn";
        case Target::Kind::xid:
            return "xid";
        case Target::Kind::name:
            return "name";
        case Target::Kind::gtid:
            return "gtid";
        case Target::Kind::position:
            return "position";
        case Target::Kind::transaction:
            return "transaction";
        case Target::Kind::mark:
            return "mark";
    }
    return "unknown";
}

std::string notes_text(const std::vector<std::string>& notes) {
    std::string text;
    for (const auto& note : notes) text += "Note: " + printable(note) + "\n";
    return text;
}

}  // namespace

std::string words_of(const Target& target, const std::optional<BackupId>& backup) {
    if (backup) return "backup " + backup->text();
    auto words = std::string{target.inclusive ? "" : "before "} + word_of(target.kind);
    if (!target.text.empty()) words += " " + target.text;
    return words;
}

std::string to_text(const RestorePlanResult& result) {
    auto text = "Restore " + result.source.text() + " to " + result.target_requested;
    if (!result.to.empty()) text += ", into " + printable(result.to);
    text += ".\n  1. Write backup " + result.base.text() + ", consistent at " + time_text(result.base_stop_time) + ": " +
            size_text(result.bytes) + ".\n";
    if (result.path.empty()) text += "  2. Replay no log: the backup alone is what was asked for.\n";
    unsigned step = 2;
    for (const auto& row : result.path)
        text += "  " + std::to_string(step++) + ". Replay the log of " + printable(row.lineage.text()) + " from " + row.from +
                " to " + row.to + ".\n";
    if (!result.target_position.empty()) text += "Recovery stops at " + result.target_position + ".\n";
    if (!result.explanation.empty()) text += printable(result.explanation) + "\n";
    return text + notes_text(result.notes);
}

std::string to_text(const RestoreRunResult& result) {
    auto text = result.source.text() + " is restored to " + result.target_requested;
    if (!result.to.empty()) text += " in " + printable(result.to);
    text += ".\n  backup " + result.base.text() + ", " + size_text(result.bytes_written) + " written";
    if (result.bytes_kept != 0) text += ", " + size_text(result.bytes_kept) + " kept because it was equal";
    text += ", " + duration_text(result.duration) + "\n";
    if (result.target_reached) text += "  reached " + printable(*result.target_reached) + "\n";
    text += notes_text(result.notes);
    if (!result.next_step.empty()) text += "Next: " + printable(result.next_step) + "\n";
    return text;
}

}  // namespace varve::cli

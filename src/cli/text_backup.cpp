#include "cli/format_text.hpp"
#include "cli/results_backup.hpp"
#include "cli/text_findings.hpp"

namespace varve::cli {
namespace {

std::string made_text(const BackupMade& made) {
    auto text = made.source.text() + ": backup " + made.id.text() + (made.partial ? " is stored but partial" : " is stored") +
                " in " + joined(texts_of(made.copies)) + "\n";
    text += "  " + count_text(made.files, "file") + ", " + size_text(made.bytes_source) + "; read " + size_text(made.bytes_read) +
            ", stored " + size_text(made.bytes_stored) + " in " + duration_text(made.duration) + "\n";
    if (!made.left_out.empty()) text += "  not in " + joined(texts_of(made.left_out)) + "\n";
    return text + findings_text(made.findings, "  ");
}

void add_line(std::string& text, std::string label, const std::string& value) {
    if (value.empty()) return;
    label.resize(16, ' ');
    text += label + printable(value) + "\n";
}

std::string known_time(const std::optional<Instant>& time) { return time ? time_text(*time) : "unknown"; }
std::string known_size(const std::optional<std::uint64_t>& bytes) { return bytes ? size_text(*bytes) : "unknown"; }

}  // namespace

std::string to_text(const BackupRunResult& result) {
    std::string text;
    for (const auto& made : result.backups) text += made_text(made);
    return text;
}

std::string to_text(const BackupListResult& result) {
    if (result.backups.empty()) return "No backup is stored yet.\n";
    using enum Table::Align;
    Table table{{{"BACKUP"},
                 {"SOURCE"},
                 {"CONSISTENT AT"},
                 {"KEPT UNTIL"},
                 {"TIERS"},
                 {"STATE"},
                 {"SIZE", right},
                 {"STORED", right},
                 {"COPIES"}}};
    for (const auto& row : result.backups)
        table.add({row.id.text(), row.source.text(), known_time(row.stop_time), known_time(row.kept_until), row.tiers, row.state,
                   known_size(row.bytes_source), known_size(row.bytes_stored), joined(texts_of(row.copies))});
    return table.text();
}

std::string to_text(const BackupShowResult& result) {
    std::string text;
    const auto& row = result.backup;
    add_line(text, "backup", row.id.text());
    add_line(text, "source", row.source.text() + " (" + result.driver + ", " + result.identity + ")");
    add_line(text, "state", row.state);
    add_line(text, "started", time_text(row.start_time));
    add_line(text, "consistent at", known_time(row.stop_time));
    if (result.committed) add_line(text, "committed", time_text(*result.committed));
    add_line(text, "kept until", known_time(row.kept_until) + ", tiers " + row.tiers);
    add_line(text, "copies", joined(texts_of(row.copies)));
    add_line(text, "content", count_text(result.files, "file") + ", " + known_size(row.bytes_source));
    add_line(text, "read, stored", size_text(result.bytes_read) + ", " + known_size(row.bytes_stored));
    add_line(text, "chunks",
             std::to_string(result.chunks_new) + " new, " + std::to_string(result.chunks_reused) + " used again, in " +
                 count_text(result.packs, "pack"));
    add_line(
        text, "log",
        result.lineage.empty() ? "" : result.start_position + " to " + result.stop_position + " of " + result.lineage.text());
    add_line(text, "made by", "varve " + result.tool_version + " on " + result.host);
    add_line(text, "after", result.previous);
    if (result.facts) {
        for (const auto& [name, value] : *result.facts)
            if (value.size() <= 120 && printable(value) == value) add_line(text, "  " + name, value);
    } else {
        add_line(text, "facts", "not shown: this host holds no key that opens them");
    }
    return text + findings_text(result.findings, "");
}

}  // namespace varve::cli

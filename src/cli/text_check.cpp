#include "cli/format_text.hpp"
#include "cli/results_check.hpp"
#include "cli/text_findings.hpp"

namespace varve::cli {
namespace {

std::string repository_text(const RepositoryCheckRow& row) {
    auto text = "repository " + row.name.text() + (row.required ? "" : " (not required)") + (row.ok ? ": ok" : ": NOT OK");
    if (row.clock_skew && row.clock_skew->count() != 0) text += ", its clock differs by " + duration_text(*row.clock_skew);
    return text + "\n" + findings_text(row.findings, "  ");
}

std::string source_text(const SourceCheckRow& row) {
    auto text = "source " + row.name.text() + (row.ok ? ": ok" : ": NOT OK");
    if (!row.version.empty()) text += ", " + row.driver + " " + printable(row.version);
    text += "\n";
    if (!row.round_trip_position.empty()) {
        text += "  log up to " + row.round_trip_position + " is durable on every required repository";
        if (row.round_trip) text += " after " + duration_text(*row.round_trip);
        text += "\n";
    }
    return text + findings_text(row.findings, "  ");
}

}  // namespace

std::string to_text(const CheckResult& result) {
    std::string text;
    for (const auto& row : result.repositories) text += repository_text(row);
    for (const auto& row : result.sources) text += source_text(row);
    return text;
}

std::string to_text(const VerifyResult& result) {
    static constexpr const char* levels[]{"names against manifests", "hashes of objects", "every chunk"};
    auto text = "Level " + std::to_string(result.level) + " (" + levels[result.level % 3] +
                "): " + count_text(result.objects, "object") + " of " + count_text(result.backups, "backup") + ", " +
                size_text(result.bytes_read) + " read in " + duration_text(result.duration) + ".\n";
    if (!result.whole && result.unanswered.empty()) text += "The budget ended it before everything was looked at.\n";
    for (const auto& copy : result.unanswered)
        text += "Repository " + copy.text() + " did NOT ANSWER to the end: nothing is known of the rest.\n";
    if (result.damaged.empty()) return text + (result.unanswered.empty() ? "Nothing is damaged.\n" : "No damage was found.\n");
    text += count_text(result.damaged.size(), "object") + (result.damaged.size() == 1 ? " is" : " are") + " DAMAGED:\n";
    for (const auto& row : result.damaged) {
        text += "  " + printable(row.key) + ": " + printable(row.what) + "\n";
        if (!row.backups.empty()) text += "    needed by " + joined(texts_of(row.backups)) + "\n";
    }
    return text;
}

}  // namespace varve::cli

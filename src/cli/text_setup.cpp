#include "cli/format_text.hpp"
#include "cli/results_setup.hpp"
#include "cli/text_findings.hpp"

namespace varve::cli {
namespace {

std::string steps_text(const std::string& title, const std::vector<std::string>& steps) {
    std::string text = steps.empty() ? "" : title + "\n";
    for (const auto& step : steps) text += "  " + printable(step) + "\n";
    return text;
}

std::string rows_text(const std::vector<ConfigProblemRow>& rows) {
    std::string text;
    for (const auto& row : rows) {
        text += printable(row.place) + ": " + printable(row.what) + "\n";
        if (!row.remedy.empty()) text += "  " + printable(row.remedy) + "\n";
    }
    return text;
}

}  // namespace

std::string to_text(const InitResult& result) {
    auto text =
        "Repository " + result.repository_id + " (" + result.mode + ") is made in " + joined(texts_of(result.copies)) + ".\n";
    if (!result.keys_file.empty()) text += "Keys of this host (" + result.host + "): " + result.keys_file + "\n";
    if (!result.recovery_kit.empty())
        text += "Recovery kit: " + result.recovery_kit +
                "\n  It alone opens this repository when this host is gone. Keep it elsewhere, and off this host.\n";
    return text + steps_text("Next:", result.next_steps);
}

std::string to_text(const DiscoverResult& result) {
    if (result.found.empty())
        return "Nothing was found to archive; " + printable(result.file) + " shows what a configuration is like.\n";
    Table table{{{"SOURCE"}, {"DRIVER"}, {"WHAT IT IS"}}};
    for (const auto& row : result.found)
        table.add({printable(row.source.text()), row.supported ? row.driver : row.driver + " (not in this version)",
                   printable(row.what)});
    return table.text() + "All of it is in " + printable(result.file) + ", commented out.\n" +
           steps_text("Next:", result.next_steps);
}

std::string to_text(const KeyListResult& result) {
    Table table{{{"ROLE"}, {"FINGERPRINT"}, {"WHERE"}}};
    for (const auto& key : result.keys) table.add({key.role, key.fingerprint, key.place});
    auto text = "Repository " + result.repository_id + ", host " + printable(result.host) + "\n" + table.text();
    return text + (result.proved ? "The recovery kit was proven " + time_text(*result.proved) + ".\n"
                                 : "The recovery kit was never proven: varve key prove.\n");
}

std::string to_text(const KeyExportResult& result) {
    if (!result.file.empty()) return "The " + result.role + " key is in " + result.file + ".\n";
    return result.key + "\n";
}

std::string to_text(const KeyProveResult& result) {
    return result.recovery_kit + " opens repository " + result.repository_id + ": it opened " + result.opened + ".\n";
}

std::string to_text(const SourceChangeResult& result) {
    auto text = result.source.text() + " is " + result.change;
    if (!result.identity.empty()) text += " (" + printable(result.identity) + ")";
    text += ".\n";
    for (const auto& note : result.notes) text += "Note: " + printable(note) + "\n";
    return text;
}

std::string to_text(const NotifyTestResult& result) {
    std::string text;
    for (const auto& row : result.receivers) {
        text += printable(row.receiver) + ": " + (row.ok ? "took the test" : "FAILED, " + printable(row.problem)) + "\n";
        if (!row.remedy.empty()) text += "  " + printable(row.remedy) + "\n";
    }
    return text;
}

std::string to_text(const ConfigCheckResult& result) {
    const auto notices = rows_text(result.without_effect);
    if (!result.problems.empty()) return rows_text(result.problems) + notices;
    return notices + result.file + " is right: " + count_text(result.sources.size(), "source") + ", " +
           std::to_string(result.repositories.size()) + (result.repositories.size() == 1 ? " repository" : " repositories") +
           ".\n";
}

std::string to_text(const ConfigShowResult& result) {
    Table table{{{"SECTION"}, {"KEY"}, {"VALUE"}, {"FROM"}}};
    for (const auto& row : result.values) table.add({row.section, row.key, row.value, row.place});
    return table.text();
}

std::string to_text(const VersionResult& result) {
    return "varve " + result.version + "\nrepository format " + std::to_string(result.repository_format) + "\ndrivers " +
           joined(result.drivers) + "\nstores " + joined(result.stores) + "\n";
}

std::string to_text(const CompletionResult& result) { return result.script; }

std::string to_text(const DryRunResult& result) { return steps_text("Nothing is changed. It would:", result.steps); }

}  // namespace varve::cli

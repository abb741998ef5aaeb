#include <array>

#include "cli/format_text.hpp"
#include "cli/results_status.hpp"

namespace varve::cli {
namespace {

const char* word_of(State state) {
    static constexpr std::array words{"ok", "WARNING", "FAILED", "UNKNOWN"};
    return words.at(static_cast<std::size_t>(state));
}

/// A label in a column of its own; a value without a label continues the one above.
std::string line(std::string label, const std::string& value) {
    label.resize(14, ' ');
    return "  " + label + printable(value) + "\n";
}

std::string backup_lines(const SourceRow& source, Instant now) {
    std::string text;
    if (const auto& last = source.last_backup)
        text +=
            line("last backup", age_text(last->stop_time, now) + ", " + last->id.text() + ", " + size_text(last->bytes_source) +
                                    " (" + size_text(last->bytes_stored) + " new in the repository)");
    else
        text += line("last backup", "none");
    if (source.backing_up) text += line("", "one is being made now");
    if (source.next_backup) text += line("next backup", age_text(*source.next_backup, now));
    return text;
}

std::string durable_text(const DurableLog& durable, Instant now) {
    if (durable.position.empty()) return durable.problem.empty() ? "nothing yet" : "nothing yet: " + durable.problem;
    auto text = durable.position;
    if (durable.time) text += ", " + age_text(*durable.time, now);
    if (durable.lag && durable.lag->count() == 0) text += ", nothing waits";
    if (durable.lag && durable.lag->count() > 0) text += ", " + duration_text(*durable.lag) + " behind";
    if (!durable.problem.empty()) text += ": " + durable.problem;
    return text;
}

std::string log_lines(const LogStatus& log, Instant now) {
    std::string text;
    if (!log.position.empty()) text += line("server's log", "at " + log.position);
    if (log.durable.empty()) return text + line("durable log", "nothing yet");
    std::string label = "durable log";
    for (const auto& [name, durable] : log.durable) {
        text += line(label, "in " + name.text() + ": " + durable_text(durable, now));
        label.clear();
    }
    return text;
}

std::string window_lines(const std::vector<Window>& windows) {
    if (windows.empty()) return line("recovery", "no instant can be restored yet");
    std::string text;
    std::string label = "recovery";
    for (const auto& window : windows) {
        auto value = window.from == window.to ? "at " + time_text(window.from)
                                              : "any instant from " + time_text(window.from) + " to " + time_text(window.to);
        if (windows.size() > 1 && !window.lineage.empty()) value += " (" + window.lineage.text() + ")";
        text += line(label, value);
        label.clear();
    }
    return text;
}

std::string gap_lines(const std::vector<GapRow>& gaps) {
    if (gaps.empty()) return line("gaps", "none");
    std::string text;
    std::string label = "gaps";
    for (const auto& gap : gaps) {
        auto value = gap.from + " to " + gap.to;
        if (gap.time) value += ", " + time_text(*gap.time);
        if (!gap.reason.empty()) value += ": " + gap.reason;
        text += line(label, value);
        label.clear();
    }
    return text;
}

std::string drill_line(const std::optional<DrillSummary>& drill, Instant now) {
    if (!drill) return line("last drill", "never");
    auto value = age_text(drill->time, now) + ", " + (drill->ok ? "passed" : "FAILED");
    if (drill->rto) value += ", took " + duration_text(*drill->rto);
    return line("last drill", value);
}

std::string source_text(const SourceRow& source, Instant now) {
    auto text = printable(source.name.text()) + " (" + source.driver + "): " + word_of(source.state) + "\n";
    if (!source.reason.empty()) text += "  " + printable(source.reason) + "\n";
    text += backup_lines(source, now);
    if (source.log) text += log_lines(*source.log, now);
    text += window_lines(source.recovery_windows);
    if (source.log) text += gap_lines(source.gaps);
    text += drill_line(source.last_drill, now);
    std::string label = "what to do";
    for (const auto& action : source.next_actions) {
        text += line(label, action);
        label.clear();
    }
    return text;
}

}  // namespace

std::string to_text(const StatusResult& result) {
    std::string text;
    if (result.service)
        text += *result.service ? "The service is running.\n"
                                : "The service is not running: nothing is archived now, and what follows is what the "
                                  "repositories hold.\n";
    if (result.sources.empty()) return text + "No source is configured.\n";
    for (const auto& source : result.sources) text += (text.empty() ? "" : "\n") + source_text(source, result.now);
    return text;
}

}  // namespace varve::cli

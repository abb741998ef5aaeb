#include "postgresql/lineage.hpp"

#include <charconv>
#include <sstream>

#include "varve/check.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {

namespace {

Error bad_line(std::string_view line) {
    return Error{Fault::corrupt, "a line of a timeline history cannot be read: \"" + std::string{line} + "\""};
}

/// `1<tab>0/5000000<tab>no recovery target specified`; the blanks may be of any kind.
HistoryLine parse_line(const std::string& line) {
    std::istringstream words{line};
    HistoryLine parsed;
    std::string ends_at;
    if (!(words >> parsed.timeline >> ends_at) || parsed.timeline == 0) throw bad_line(line);
    try {
        parsed.ends_at = parse_lsn(ends_at);
    } catch (const Error&) {
        throw bad_line(line);
    }
    std::getline(words >> std::ws, parsed.reason);
    return parsed;
}

std::string hash_of(const std::vector<HistoryLine>& lines) {
    std::string canonical;
    for (const auto& line : lines)
        canonical += std::to_string(line.timeline) + "\t" + to_text(line.ends_at) + "\t" + line.reason + "\n";
    return to_hex(sha256(view_of(canonical))).substr(0, 16);
}

LineageName name_of(const std::string& system_identifier, const TimelineHistory& history) {
    const auto first = system_identifier + ":" + std::to_string(history.timeline);
    if (history.lines.empty()) return LineageName{first};
    const auto switched_at = to_text(history.lines.back().ends_at);
    return LineageName{first + ":" + switched_at + ":" + hash_of(history.lines)};
}

}  // namespace

TimelineHistory parse_history(std::uint32_t timeline, std::string text) {
    TimelineHistory history{.timeline = timeline, .lines = {}, .text = std::move(text)};
    std::istringstream lines{history.text};
    std::uint32_t newest = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto begin = line.find_first_not_of(" \t\r");
        if (begin == std::string::npos || line[begin] == '#') continue;
        if (line.back() == '\r') line.pop_back();
        const auto parsed = parse_line(line);
        if (parsed.timeline <= newest || parsed.timeline >= timeline) throw bad_line(line);
        newest = parsed.timeline;
        history.lines.push_back(parsed);
    }
    return history;
}

TimelineHistory parent_of(const TimelineHistory& history) {
    if (history.lines.empty()) throw Error{Fault::defect, "the first timeline has no parent"};
    TimelineHistory parent{.timeline = history.lines.back().timeline, .lines = history.lines, .text = {}};
    parent.lines.pop_back();
    // The server writes a child's file as its parent's file and one line more.
    const auto last_line = "\n" + std::to_string(parent.timeline) + "\t";
    if (const auto at = history.text.rfind(last_line); at != std::string::npos && !parent.lines.empty())
        parent.text = history.text.substr(0, at);
    return parent;
}

Lineage make_lineage(const std::string& system_identifier, const TimelineHistory& history, std::uint64_t segment_bytes) {
    Lineage lineage;
    lineage.name = name_of(system_identifier, history);
    lineage.facts = {{"timeline", std::to_string(history.timeline)},
                     {"history", history.text},
                     {"segment_bytes", std::to_string(segment_bytes)},
                     {"system_identifier", system_identifier}};
    if (history.lines.empty()) return lineage;
    const auto switched_at = history.lines.back().ends_at;
    lineage.begins_at = segment_start(switched_at, segment_bytes);
    lineage.parent = LogPosition{name_of(system_identifier, parent_of(history)), switched_at, to_text(switched_at)};
    return lineage;
}

std::uint32_t timeline_of(const Lineage& lineage) {
    const auto found = lineage.facts.find("timeline");
    std::uint32_t timeline = 0;
    if (found != lineage.facts.end())
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), timeline);
    if (timeline == 0) throw Error{Fault::corrupt, "a lineage does not say its timeline"};
    return timeline;
}

std::string system_identifier_of(const LineageName& name) { return name.text().substr(0, name.text().find(':')); }

LogPosition position_in(const Lineage& lineage, Lsn at) { return {lineage.name, at, to_text(at)}; }

Task<ServerLog> ask_server_log(Session& replication) {
    const auto identity = co_await replication.query("IDENTIFY_SYSTEM");
    ServerLog log;
    log.system_identifier = identity.text(0, "systemid");
    log.flushed = parse_lsn(identity.text(0, "xlogpos"));
    log.segment_bytes = parse_segment_size(co_await replication.value("SHOW wal_segment_size"));
    const auto timeline = static_cast<std::uint32_t>(std::stoul(identity.text(0, "timeline")));
    log.history.timeline = timeline;
    if (timeline > 1) {
        const auto file = co_await replication.query("TIMELINE_HISTORY " + std::to_string(timeline));
        log.history = parse_history(timeline, file.text(0, 1));
    }
    log.lineage = make_lineage(log.system_identifier, log.history, log.segment_bytes);
    co_return log;
}

}  // namespace varve::postgresql

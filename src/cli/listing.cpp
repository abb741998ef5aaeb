#include "cli/listing.hpp"

#include <algorithm>

#include "cli/format_text.hpp"
#include "cli/text_entry.hpp"
#include "cli/text_findings.hpp"

namespace varve::cli {
namespace {

/// Names may be no UTF-8: what JSON cannot carry is replaced.
std::string dumped(const nlohmann::json& json) { return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

std::string seen_text(const BackupSeen& backup) { return backup.id.text() + ", consistent at " + time_text(backup.stop_time); }

std::string head_text(const ListHead& head) {
    std::string text;
    if (head.backup) text = "Backup " + seen_text(*head.backup) + ":\n";
    if (head.before && head.after) text = "From " + seen_text(*head.before) + "\nto   " + seen_text(*head.after) + ":\n";
    if (head.searched) text = count_text(*head.searched, "backup") + " searched:\n";
    for (const auto& note : head.notes) text += "Note: " + printable(note) + "\n";
    return text;
}

std::string target_text(const Entry& entry) {
    if (entry.kind == EntryKind::symlink) return " -> " + printable(entry.link_target);
    if (entry.kind == EntryKind::hardlink) return " (the same file as " + printable(entry.link_target) + ")";
    return {};
}

std::string size_of(const Entry& entry) { return entry.kind == EntryKind::file ? size_text(entry.size) : "-"; }

/// "newest", or "newest to oldest, 12 in all".
std::string backups_text(const std::vector<BackupId>& backups) {
    if (backups.size() <= 2) return joined(texts_of(backups));
    return backups.front().text() + " to " + backups.back().text() + ", " + std::to_string(backups.size()) + " in all";
}

}  // namespace

void Listing::begin(const ListHead& head) {
    begun_ = true;
    compares_ = head.before.has_value();
    if (!json_) {
        text_ += head_text(head);
        return;
    }
    auto opened = dumped(to_json(head));
    opened.pop_back();  // the brace: rows follow
    const auto* rows = compares_ ? "differences" : head.searched ? "files" : "entries";
    text_ += "{\"schema\":1,\"command\":" + dumped(command_) + ",\"result\":" + opened + ",\"" + rows + "\":[";
}

std::string Listing::line(const std::array<std::string, 4>& cells, const std::string& name) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        widths_[i] = std::max(widths_[i], cells[i].size());
        const std::string padding(widths_[i] - cells[i].size(), ' ');
        text += (i == 2 ? padding + cells[i] : cells[i] + padding) + "  ";
    }
    return text + name + "\n";
}

void Listing::add(const EntryRow& row) {
    ++rows_;
    if (json_) return add_json(to_json(row));
    const auto& entry = row.entry;
    auto name = printable(row.name);
    if (entry.kind == EntryKind::directory) name += "/";
    if (!row.recorded) {
        text_ += line({"d?????????", "?", "-", "?"}, name);
        return;
    }
    text_ += line({mode_text(entry.kind, entry.mode), printable(owner_text(entry)), size_of(entry), time_text(time_of(entry))},
                  name + target_text(entry));
}

void Listing::add(const FoundRow& row) {
    ++rows_;
    if (json_) return add_json(to_json(row));
    text_ += printable(row.path) + "\n";
    for (const auto& version : row.versions) {
        const auto& entry = version.entry;
        auto size = size_of(entry);
        size.insert(0, size.size() < 9 ? 9 - size.size() : 0, ' ');
        text_ +=
            "  " + size + "  " + time_text(time_of(entry)) + "  " + backups_text(version.backups) + target_text(entry) + "\n";
    }
}

void Listing::add(const DifferenceRow& row) {
    ++rows_;
    ++(!row.before ? added_ : !row.after ? removed_ : changed_);
    if (json_) return add_json(to_json(row));
    const bool folder = (row.after ? row.after : row.before)->kind == EntryKind::directory;
    text_ += std::string{!row.before ? "+ " : !row.after ? "- " : "~ "} + printable(row.path()) + (folder ? "/" : "");
    if (!row.changes.empty()) text_ += "  (" + joined(row.changes) + ")";
    text_ += "\n";
}

void Listing::add_json(const nlohmann::json& row) { text_ += (rows_ > 1 ? ",\n" : "\n") + dumped(row); }

std::string Listing::take() { return std::exchange(text_, {}); }

std::string Listing::summary() const {
    if (!compares_) return rows_ == 0 ? "Nothing.\n" : "";
    if (rows_ == 0) return "No difference.\n";
    return std::to_string(added_) + " added, " + std::to_string(removed_) + " removed, " + std::to_string(changed_) +
           " changed\n";
}

void Listing::end_json(int exit_code, const std::optional<Error>& error) {
    text_ += rows_ > 0 ? "\n]" : "]";
    if (compares_)
        text_ += ",\"added\":" + std::to_string(added_) + ",\"removed\":" + std::to_string(removed_) +
                 ",\"changed\":" + std::to_string(changed_);
    text_ += std::string{"},\"ok\":"} + (exit_code == 0 ? "true" : "false") + ",\"exit_code\":" + std::to_string(exit_code);
    if (error) text_ += ",\"error\":" + dumped(reply_of(command_, *error)["error"]);
    text_ += "}\n";
}

Answer Listing::end(const std::optional<Error>& shortfall) {
    const int exit_code = shortfall ? shortfall->exit_code() : 0;
    if (json_) {
        end_json(exit_code, shortfall);
        return {take(), {}, exit_code};
    }
    text_ += summary();
    return {take(), shortfall ? error_text(*shortfall) : std::string{}, exit_code};
}

Answer Listing::fail(const Error& error) {
    if (!begun_) return answer_of(command_, error, json_);
    if (!json_) return {take(), error_text(error), error.exit_code()};
    end_json(error.exit_code(), error);
    return {take(), {}, error.exit_code()};
}

}  // namespace varve::cli

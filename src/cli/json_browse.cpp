#include "cli/json_fields.hpp"
#include "cli/results_browse.hpp"
#include "cli/text_entry.hpp"

namespace varve::cli {
void fields(auto& visit, Is<BackupSeen> auto& it) {
    visit("id", it.id);
    visit("stop_time", it.stop_time);
}

namespace {

nlohmann::json json_of(const Entry& entry, bool recorded) {
    nlohmann::json json{{"path", entry.path}, {"kind", kind_word(entry.kind)}, {"size", entry.size}};
    for (const auto* unknown : {"mode", "uid", "gid", "user", "group", "mtime", "link_target"}) json[unknown] = nullptr;
    if (!recorded) return json;
    json["mode"] = octal_text(entry.mode);
    json["uid"] = entry.uid;
    json["gid"] = entry.gid;
    if (!entry.user.empty()) json["user"] = entry.user;
    if (!entry.group.empty()) json["group"] = entry.group;
    json["mtime"] = encoded(time_of(entry));
    if (!entry.link_target.empty()) json["link_target"] = entry.link_target;
    return json;
}

}  // namespace

nlohmann::json to_json(const EntryRow& row) { return json_of(row.entry, row.recorded); }

nlohmann::json to_json(const FoundRow& row) {
    auto versions = nlohmann::json::array();
    for (const auto& version : row.versions) {
        auto json = json_of(version.entry, true);
        json.erase("path");
        json["backups"] = encoded(version.backups);
        versions.push_back(std::move(json));
    }
    return {{"path", row.path}, {"versions", std::move(versions)}};
}

nlohmann::json to_json(const DifferenceRow& row) {
    const auto side = [](const std::optional<Entry>& entry) { return entry ? json_of(*entry, true) : nlohmann::json{}; };
    const auto* what = !row.before ? "added" : !row.after ? "removed" : "changed";
    return {{"path", row.path()},
            {"difference", what},
            {"changes", encoded(row.changes)},
            {"before", side(row.before)},
            {"after", side(row.after)}};
}

nlohmann::json to_json(const ListHead& head) {
    nlohmann::json json{{"source", encoded(head.source)}, {"notes", encoded(head.notes)}};
    if (head.backup) json["backup"] = encoded(*head.backup);
    if (head.before) json["before"] = encoded(*head.before);
    if (head.after) json["after"] = encoded(*head.after);
    if (head.searched) json["searched"] = *head.searched;
    return json;
}

}  // namespace varve::cli

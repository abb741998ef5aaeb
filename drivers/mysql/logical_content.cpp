#include <algorithm>
#include <array>

#include "mysql/logical_script.hpp"
#include "mysql/restore_logical.hpp"
#include "varve/error.hpp"

namespace varve::mysql {

namespace {

std::vector<std::string> components_of(std::string_view path) {
    std::vector<std::string> components;
    while (true) {
        const auto end = path.find('/');
        components.emplace_back(path.substr(0, end));
        if (end == std::string_view::npos) return components;
        path.remove_prefix(end + 1);
    }
}

Error foreign(const Entry& entry) { return Error{Fault::corrupt, "a logical backup holds something else: " + entry.path}; }

TableContent& table_of(LogicalContent& content, const std::string& database, const std::string& table) {
    auto& found = content.tables[database + "/" + table];
    if (found.quoted.empty()) {
        found.database = name_of_component(database);
        found.name = name_of_component(table);
        found.quoted = quoted_name(found.database) + "." + quoted_name(found.name);
    }
    return found;
}

void sort_data(LogicalContent& content, const Entry& entry, const std::vector<std::string>& path) {
    if (path.size() != 4) throw foreign(entry);
    auto& table = table_of(content, path[1], path[2]);
    if (path[3] == "load.sql") return;  // for people
    if (path[3] == "columns.tsv") {
        table.columns = entry;
        return;
    }
    if (!path[3].ends_with(".tsv")) throw foreign(entry);
    table.bytes += entry.size;
    if (entry.size > 0) table.rows.push_back(entry);
}

void sort_schema(LogicalContent& content, const Entry& entry, const std::vector<std::string>& path) {
    static constexpr std::array<std::string_view, 8> kinds{"sequence", "view",         "function", "procedure",
                                                           "package",  "package_body", "trigger",  "event"};
    if (path.size() != 3 || !path[2].ends_with(".sql")) throw foreign(entry);
    const auto name = path[2].substr(0, path[2].size() - 4);
    if (name == "database") {
        content.objects["database"].push_back(entry);
        return;
    }
    const auto dot = name.find('.');
    if (dot == std::string::npos) throw foreign(entry);
    const auto kind = name.substr(0, dot);
    if (kind == "table")
        table_of(content, path[1], name.substr(dot + 1)).script = entry;
    else if (std::ranges::find(kinds, kind) != kinds.end())
        content.objects[kind].push_back(entry);
    else
        throw foreign(entry);
}

}  // namespace

LogicalContent sort_entries(const std::vector<Entry>& entries) {
    LogicalContent content;
    for (const auto& entry : entries) {
        const auto path = components_of(entry.path);
        content.bytes += entry.size;
        if (entry.path == "users.sql")
            content.accounts = entry;
        else if (path.front() == "data")
            sort_data(content, entry, path);
        else if (path.front() == "schema")
            sort_schema(content, entry, path);
        else
            throw foreign(entry);
    }
    for (auto& [folder, table] : content.tables) std::ranges::sort(table.rows, {}, &Entry::path);
    return content;
}

}  // namespace varve::mysql

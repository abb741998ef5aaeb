#include "mysql/saved_log.hpp"

#include <charconv>
#include <sstream>

#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::mysql {

namespace {

constexpr const char* file_name = "binlog-state";
constexpr std::string_view first_line = "varve binlog state 1";

std::uint64_t number(const std::string& text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::string encode(const SavedLog& saved) {
    std::string text = std::string{first_line} + "\nlineage\t" + saved.map.lineage.text() + "\nat\t" + std::to_string(saved.at) +
                       "\nserver_id\t" + std::to_string(saved.server_id) + "\nidentity\t" + saved.identity + "\n";
    if (saved.gtids) text += "gtids\t" + *saved.gtids + "\n";
    for (const auto& server : saved.servers) text += "server\t" + server + "\n";
    for (const auto& file : saved.map.files)
        text += "file\t" + std::to_string(file.begins_at) + "\t" + file.fingerprint + "\t" + file.name + "\n";
    return text;
}

MappedFile file_in(const std::string& value) {
    const auto first = value.find('\t'), second = value.find('\t', first + 1);
    if (first == std::string::npos || second == std::string::npos) throw Error{Fault::corrupt, "a file's line is incomplete"};
    return {.name = value.substr(second + 1),
            .begins_at = number(value.substr(0, first)),
            .fingerprint = value.substr(first + 1, second - first - 1)};
}

std::optional<SavedLog> decode(const std::string& text) {
    std::istringstream lines{text};
    std::string line;
    if (!std::getline(lines, line) || line != first_line) return std::nullopt;
    SavedLog saved;
    while (std::getline(lines, line)) {
        const auto tab = line.find('\t');
        if (tab == std::string::npos) continue;
        const auto key = line.substr(0, tab), value = line.substr(tab + 1);
        if (key == "lineage") saved.map.lineage = LineageName{value};
        if (key == "at") saved.at = number(value);
        if (key == "server_id") saved.server_id = static_cast<std::uint32_t>(number(value));
        if (key == "identity") saved.identity = value;
        if (key == "gtids") saved.gtids = value;
        if (key == "server") saved.servers.insert(value);
        if (key == "file") saved.map.put(file_in(value));
    }
    if (saved.map.lineage.empty() || saved.map.files.empty()) return std::nullopt;
    return saved;
}

bool shares_mysql(const std::string& ours, const std::string& theirs) {
    return GtidSet::parse(ours).intersects(GtidSet::parse(theirs));
}

/// MariaDB's numbers are not unique in the world: a replica has another server_id than its primary, a stranger most often the
/// same.
bool shares_mariadb(const SavedLog& saved, const ServerFacts& server, const std::string& theirs) {
    if (server.server_id() == saved.server_id) return false;
    const auto ours = GtidState::parse(*saved.gtids), other = GtidState::parse(theirs);
    const auto domain = static_cast<std::uint32_t>(number(server.variable("gtid_domain_id")));
    return ours.knows(domain, saved.server_id) && other.knows(domain, saved.server_id);
}

}  // namespace

std::optional<SavedLog> find_saved_log(const std::filesystem::path& folder) {
    try {
        if (const auto bytes = find_file(folder / file_name, 64U << 20)) return decode(std::string{text_of(*bytes)});
    } catch (const Error&) {
        return std::nullopt;  // comparisons less, and no reason not to archive
    }
    return std::nullopt;
}

void keep_saved_log(const std::filesystem::path& folder, const SavedLog& saved) {
    make_directories(folder);
    const auto text = encode(saved);
    replace_file(folder / file_name, view_of(text));
}

bool continues(const SavedLog& saved, const ServerFacts& server, const std::string& gtids) {
    if (saved.servers.contains(server.uuid)) return true;
    if (!saved.gtids || saved.gtids->empty()) return false;
    try {
        return server.flavour == Flavour::mysql ? shares_mysql(*saved.gtids, gtids) : shares_mariadb(saved, server, gtids);
    } catch (const Error&) {
        return false;  // another flavour's
    }
}

}  // namespace varve::mysql

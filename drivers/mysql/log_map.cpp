#include "mysql/log_map.hpp"

#include <algorithm>
#include <charconv>
#include <ranges>
#include <sstream>

#include "varve/error.hpp"

namespace varve::mysql {

namespace {

std::string line_of(const MappedFile& file) {
    return file.name + "\t" + std::to_string(file.begins_at) + "\t" + file.fingerprint + "\n";
}

std::optional<MappedFile> find_file_in(const std::string& line) {
    const auto first = line.find('\t'), second = line.find('\t', first + 1);
    if (first == std::string::npos || second == std::string::npos) return std::nullopt;
    MappedFile file{.name = line.substr(0, first), .begins_at = 0, .fingerprint = line.substr(second + 1)};
    const auto* end = line.data() + second;
    if (std::from_chars(line.data() + first + 1, end, file.begins_at).ptr != end) return std::nullopt;
    return file;
}

/// Behind `.`, when there is one.
unsigned attempt_of(std::string& fingerprint) {
    const auto dot = fingerprint.find('.');
    if (dot == std::string::npos) return 1;
    unsigned attempt = 1;
    std::from_chars(fingerprint.data() + dot + 1, fingerprint.data() + fingerprint.size(), attempt);
    fingerprint.resize(dot);
    return attempt;
}

}  // namespace

const MappedFile* LogMap::find(const std::string& file) const noexcept {
    const auto found = std::ranges::find(files, file, &MappedFile::name);
    return found == files.end() ? nullptr : &*found;
}

std::optional<BinlogPlace> LogMap::find_place(std::uint64_t at) const {
    for (const auto& file : files | std::views::reverse)
        if (file.begins_at < at || (file.begins_at == 0 && at == 0)) return BinlogPlace{file.name, at - file.begins_at};
    return std::nullopt;
}

void LogMap::put(MappedFile file) {
    if (const auto known = std::ranges::find(files, file.name, &MappedFile::name); known != files.end()) {
        *known = std::move(file);
        return;
    }
    files.push_back(std::move(file));
    std::ranges::sort(files, {}, &MappedFile::begins_at);
    if (files.size() > files_max) files.erase(files.begin());
}

namespace {

/// The bytes of the server's files from `first` up to the begin of `last`. Nothing when they are not there in this order.
std::optional<std::uint64_t> bytes_between(const std::vector<BinlogFile>& on_server, const std::string& first,
                                           const std::string& last) {
    const auto begin = std::ranges::find(on_server, first, &BinlogFile::name);
    const auto end = std::find_if(begin, on_server.end(), [&](const BinlogFile& file) { return file.name == last; });
    if (end == on_server.end()) return std::nullopt;
    std::uint64_t bytes = 0;
    for (auto file = begin; file != end; ++file) bytes += file->bytes;
    return bytes;
}

}  // namespace

std::optional<std::uint64_t> LogMap::find_position(const BinlogPlace& place, const std::vector<BinlogFile>& on_server) const {
    if (const auto* file = find(place.file)) return file->begins_at + place.offset;
    if (files.empty()) return std::nullopt;
    if (const auto ahead = bytes_between(on_server, files.back().name, place.file))
        return files.back().begins_at + *ahead + place.offset;
    const auto behind = bytes_between(on_server, place.file, files.front().name);
    if (behind && *behind <= files.front().begins_at) return files.front().begins_at - *behind + place.offset;
    return std::nullopt;
}

LineageName lineage_name(const LineageParts& parts) {
    const auto attempt = parts.attempt > 1 ? "." + std::to_string(parts.attempt) : std::string{};
    return LineageName{parts.server + ":" + parts.first.name + ":" + parts.first.fingerprint + attempt};
}

LineageParts parse_lineage(const LineageName& name) {
    const auto& text = name.text();
    const auto first = text.find(':'), last = text.rfind(':');
    if (first == std::string::npos || first == last) throw Error{Fault::invalid, text + " names no log of a MySQL server"};
    LineageParts parts{.server = text.substr(0, first), .first = {.name = text.substr(first + 1, last - first - 1)}};
    parts.first.fingerprint = text.substr(last + 1);
    parts.attempt = attempt_of(parts.first.fingerprint);
    return parts;
}

Lineage make_lineage(const LogMap& map, const ServerFacts& server) {
    std::string files;
    for (const auto& file : map.files) files += line_of(file);
    return {.name = map.lineage,
            .begins_at = 0,
            .parent = {},
            .facts = {{"server", server.uuid},
                      {"flavour", std::string{name_of(server.flavour)}},
                      {"version", server.version},
                      {"files", std::move(files)}}};
}

LogMap map_of(const Lineage& lineage) {
    LogMap map{.lineage = lineage.name, .files = {parse_lineage(lineage.name).first}};
    const auto told = lineage.facts.find("files");
    std::istringstream lines{told == lineage.facts.end() ? std::string{} : told->second};
    for (std::string line; std::getline(lines, line);)
        if (auto file = find_file_in(line)) map.put(std::move(*file));
    return map;
}

std::string print_place(const Lineage& lineage, std::uint64_t at) {
    const auto place = map_of(lineage).find_place(at);
    return place ? to_text(*place) : std::to_string(at);
}

LogPosition position_in(const LineageName& lineage, std::uint64_t at, const BinlogPlace& place) {
    return {lineage, at, to_text(place)};
}

}  // namespace varve::mysql

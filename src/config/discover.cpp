#include "config/discover.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <system_error>

#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve {

namespace fs = std::filesystem;

namespace {

constexpr int depth_max = 8;
constexpr std::array<std::string_view, 5> usual_roots{"srv", "opt", "var/www", "var/lib", "home"};
constexpr std::array<std::string_view, 4> database_suffixes{".db", ".sqlite", ".sqlite3", ".db3"};
/// Never holds what somebody would miss, and often a great deal.
const std::set<std::string, std::less<>> passed_over{"node_modules", "venv", ".venv", "__pycache__", ".git", ".cache", "cache"};

std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += c;
    }
    return result + '"';
}

std::string list_of(const std::vector<std::string>& texts) {
    std::string result = "[";
    for (const auto& text : texts) result += (result.size() > 1 ? ", " : "") + quoted(text);
    return result + "]";
}

/// Letters, digits, `-`, `_` and `.` of a name; others become `-`.
std::string word_of(const std::string& text) {
    std::string word;
    for (const char c : text) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        word += plain ? c : '-';
    }
    return word.empty() ? "unnamed" : word;
}

std::vector<fs::path> entries_of(const fs::path& folder) {
    std::vector<fs::path> entries;
    std::error_code problem;
    for (fs::directory_iterator it{folder, fs::directory_options::skip_permission_denied, problem}, end; !problem && it != end;
         it.increment(problem))
        entries.push_back(it->path());
    std::ranges::sort(entries);
    return entries;
}

bool is_folder(const fs::path& path) {
    std::error_code problem;
    return fs::is_directory(fs::symlink_status(path, problem));
}
bool is_there(const fs::path& path) {
    std::error_code problem;
    return fs::exists(fs::symlink_status(path, problem));
}

// --------------------------------------------------------------------------------------------------------------- servers

/// A port's cluster by the name that Debian's tools gave it; else the port.
std::string cluster_at(const fs::path& host, const std::string& port) {
    for (const auto& version : entries_of(host / "etc/postgresql"))
        for (const auto& cluster : entries_of(version)) {
            std::ifstream config{cluster / "postgresql.conf"};
            for (std::string line; std::getline(config, line);)
                if (line.starts_with("port") && line.find("= " + port) != std::string::npos)
                    return version.filename().string() + "-" + cluster.filename().string();
        }
    return port;
}

void find_postgresql(const DiscoverPlaces& places, std::vector<FoundSource>& found) {
    constexpr std::string_view prefix = ".s.PGSQL.";
    for (const auto* folder : {"run/postgresql", "tmp"}) {
        for (const auto& socket : entries_of(places.host / folder)) {
            const auto file = socket.filename().string();
            if (!file.starts_with(prefix) || file.ends_with(".lock")) continue;
            const auto port = file.substr(prefix.size());
            found.push_back({.name = "pg/" + word_of(cluster_at(places.host, port)),
                             .driver = "postgresql",
                             .why = "PostgreSQL listens on " + socket.string() +
                                    ". It needs a role of ours first: varve check prints the statements.",
                             .settings = {{"connection", quoted("host=/" + std::string{folder} + " port=" + port +
                                                                " user=varve dbname=postgres")}}});
        }
    }
}

void find_mysql(const DiscoverPlaces& places, std::vector<FoundSource>& found) {
    for (const auto* socket : {"run/mysqld/mysqld.sock", "var/lib/mysql/mysql.sock", "tmp/mysql.sock"}) {
        if (!is_there(places.host / socket)) continue;
        found.push_back({.name = "mysql/main",
                         .driver = "mysql",
                         .why = "MySQL or MariaDB listens on /" + std::string{socket} + ".",
                         .settings = {{"connection", quoted("mysql://varve@localhost?socket=/" + std::string{socket})}},
                         .supported = false});
    }
}

// ---------------------------------------------------------------------------------------------------------------- SQLite

bool is_sqlite(const fs::path& path) {
    try {
        constexpr std::string_view magic{"SQLite format 3\0", 16};
        std::array<std::uint8_t, 16> head{};
        return LocalFile::open(path).read_at(0, head) == head.size() && text_of(head) == magic;
    } catch (const Error&) {
        return false;
    }
}

/// By its name, or by the WAL beside it: every file of a host is not opened for this.
bool may_be_sqlite(const fs::path& path) {
    const auto name = path.filename().string();
    return std::ranges::any_of(database_suffixes, [&](auto suffix) { return name.ends_with(suffix); }) ||
           is_there(path.string() + "-wal");
}

void find_sqlite(const fs::path& folder, int depth, std::vector<FoundSource>& found) {
    for (const auto& path : entries_of(folder)) {
        std::error_code problem;
        const auto status = fs::symlink_status(path, problem);
        if (fs::is_directory(status)) {
            if (depth < depth_max && !passed_over.contains(path.filename().string())) find_sqlite(path, depth + 1, found);
        } else if (fs::is_regular_file(status) && may_be_sqlite(path) && is_sqlite(path)) {
            found.push_back({.name = "sqlite/" + word_of(path.parent_path().filename().string() + "-" + path.stem().string()),
                             .driver = "sqlite",
                             .why = "A SQLite database. It is followed when it is in WAL mode: sqlite3 " + path.string() +
                                    " 'PRAGMA journal_mode'.",
                             .settings = {{"path", quoted(path.string())}}});
        }
    }
}

// ------------------------------------------------------------------------------------------------------------------ Hop3

void find_hop3(const DiscoverPlaces& places, std::vector<FoundSource>& found) {
    const auto apps = places.hop3 / "apps";
    if (!is_folder(apps)) return;
    std::vector<std::string> settings_of_it;
    for (const auto& path :
         {places.host / "etc/hop3", places.hop3 / "hop3-server.toml", places.hop3 / "ssl", places.hop3 / "nginx"})
        if (is_there(path)) settings_of_it.push_back(path.string());
    if (!settings_of_it.empty())
        found.push_back({.name = "hop3/config",
                         .driver = "files",
                         .why = "Hop3's own settings and secrets: without them the credentials in hop3.db cannot be read.",
                         .settings = {{"kind", quoted("config")}, {"paths", list_of(settings_of_it)}}});
    for (const auto& app : entries_of(apps)) {
        if (!is_folder(app)) continue;
        std::vector<std::string> paths;
        for (const auto* part : {"data", "volumes", "git", "ENV"})
            if (is_there(app / part)) paths.push_back((app / part).string());
        if (paths.empty()) continue;
        found.push_back(
            {.name = "hop3/" + word_of(app.filename().string()),
             .driver = "files",
             .why = "Data of the Hop3 application " + app.filename().string() +
                    ". Its SQLite databases are captured with it; give one a source of its own to follow every commit.",
             .settings = {{"kind", quoted("data")}, {"paths", list_of(paths)}}});
    }
}

/// A second source of one name gets a number.
void make_names_unique(std::vector<FoundSource>& found) {
    std::set<std::string> taken;
    for (auto& source : found) {
        const auto wanted = source.name;
        for (int number = 2; !taken.insert(source.name).second; ++number) source.name = wanted + "-" + std::to_string(number);
    }
}

}  // namespace

std::vector<FoundSource> discover(const DiscoverPlaces& places) {
    std::vector<FoundSource> found;
    find_postgresql(places, found);
    find_mysql(places, found);
    find_hop3(places, found);
    auto roots = places.roots;
    if (roots.empty())
        for (const auto root : usual_roots) roots.push_back(places.host / root);
    for (const auto& root : roots) find_sqlite(root, 0, found);
    make_names_unique(found);
    return found;
}

std::string commented_config(const std::vector<FoundSource>& found) {
    std::string text =
        R"(# Written by varve init --discover. Nothing in it is switched on: look through it, take away the "# " in front of what
# you want to archive, then run: varve config check, varve init, varve check, varve serve.

state_dir = "/var/lib/varve"
keys = "file:/etc/varve/varve.keys"

[[repository]]
name = "local"
url = "file:///var/backups/varve"          # another disk, at least; better another machine's
)";
    for (const auto& source : found) {
        text += "\n# " + source.why + "\n";
        if (!source.supported) text += "# This version has no driver for it.\n";
        text += "# [[source]]\n# name = " + quoted(source.name) + "\n# driver = " + quoted(source.driver) + "\n";
        for (const auto& [key, value] : source.settings) text += "# " + key + " = " + value + "\n";
    }
    if (found.empty()) text += "\n# Nothing was found to archive: docs/interface.md shows how a source is written.\n";
    return text;
}

}  // namespace varve

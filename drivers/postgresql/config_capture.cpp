#include "postgresql/config_capture.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "postgresql/config_text.hpp"
#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::postgresql {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t config_bytes_max = 4u << 20;
/// PostgreSQL gives up at ten levels of includes.
constexpr int include_depth_max = 10;

enum class Grammar { settings, access_rules };

bool lies_below(const fs::path& path, const fs::path& directory) {
    const auto relative = path.lexically_normal().lexically_relative(directory.lexically_normal());
    return !relative.empty() && *relative.begin() != "..";
}

class Capture {
public:
    explicit Capture(fs::path data_directory) : data_directory_{std::move(data_directory)} {}

    void take(const fs::path& path, Grammar grammar, int depth = 0) {
        if (path.empty() || depth > include_depth_max || !seen_.insert(path).second) return;
        try {
            const auto content = find_file(path, config_bytes_max);
            if (!content) return;
            const auto text = text_of(*content);
            if (leads_outside(path)) keep(path, *content);
            const auto includes = grammar == Grammar::settings ? includes_of_settings(text) : includes_of_access_rules(text);
            for (const auto& include : includes) follow(path.parent_path() / include.path, include.directory, grammar, depth);
        } catch (const fs::filesystem_error&) {
            return;  // vanished meanwhile
        } catch (const Error& error) {
            result_.findings.push_back({Finding::Level::warning, "configuration is not in this backup: " + error.sentence(),
                                        "Let the user that varve runs as read " + path.string() + "."});
        }
    }

    CapturedConfig result() { return std::move(result_); }

private:
    void follow(const fs::path& path, bool directory, Grammar grammar, int depth) {
        if (!directory) return take(path.lexically_normal(), grammar, depth + 1);
        std::error_code failure;
        std::vector<fs::path> files;
        for (const auto& item : fs::directory_iterator{path, failure})
            if (item.path().extension() == ".conf" && !item.path().filename().string().starts_with('.'))
                files.push_back(item.path());
        std::ranges::sort(files);
        for (const auto& file : files) take(file.lexically_normal(), grammar, depth + 1);
    }

    /// By its name, or behind a link: of a link the backup has no more than the name it points to.
    bool leads_outside(const fs::path& path) const {
        return !lies_below(path, data_directory_) || !lies_below(fs::canonical(path), fs::canonical(data_directory_));
    }

    void keep(const fs::path& path, const Bytes& content) {
        struct ::stat status{};
        if (::stat(path.c_str(), &status) != 0) return;  // vanished: nothing to keep
        Entry entry;
        entry.path = config_entry_path(path);
        entry.size = content.size();
        entry.mode = status.st_mode & 07777;
        entry.uid = status.st_uid;
        entry.gid = status.st_gid;
        entry.mtime_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
        result_.files.push_back({std::move(entry), content});
    }

    fs::path data_directory_;
    std::set<fs::path> seen_;
    CapturedConfig result_;
};

}  // namespace

std::string config_entry_path(const fs::path& path) { return "config/" + path.lexically_normal().relative_path().string(); }

CapturedConfig capture_configuration(const Cluster& cluster) {
    Capture capture{cluster.data_directory};
    capture.take(cluster.config_file, Grammar::settings);
    capture.take(cluster.hba_file, Grammar::access_rules);
    capture.take(cluster.ident_file, Grammar::access_rules);
    return capture.result();
}

Task<std::string> settings_as_file(Session& session) {
    const auto rows = co_await session.query(
        "SELECT name, current_setting(name) AS value FROM pg_settings WHERE source = 'configuration file' ORDER BY name");
    std::string text = "# rebuilt from pg_settings: the server's own files could not be read\n";
    for (int row = 0; row < rows.size(); ++row) text += config_setting(rows.text(row, "name"), rows.text(row, "value"));
    co_return text;
}

}  // namespace varve::postgresql

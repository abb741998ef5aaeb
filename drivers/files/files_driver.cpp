#include "files/files_driver.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "files/tree_backup.hpp"
#include "files/tree_restore.hpp"
#include "files/tree_settings.hpp"
#include "varve/error.hpp"

namespace varve::files {
namespace {

Error no_log() { return Error{Fault::unsupported, "a tree of files has no log to follow"}; }

std::string lines_of(const std::vector<std::filesystem::path>& paths) {
    std::string text;
    for (const auto& path : paths) text += path.string() + "\n";
    return text;
}

/// What an operator should know before the first backup.
std::vector<Finding> path_findings(const TreeSettings& settings) {
    std::vector<Finding> findings;
    for (const auto& path : settings.paths) {
        if (::access(path.c_str(), R_OK) == 0) continue;
        findings.push_back({Finding::Level::error, system_error(errno, "read", path).sentence(),
                            "Correct `paths`, mount what is missing, or run Varve as a user that may read it."});
    }
    return findings;
}

class FilesDriver final : public Driver {
public:
    FilesDriver(TreeSettings settings, DriverServices services)
        : settings_{std::move(settings)}, services_{std::move(services)} {}

    DriverTraits traits() const noexcept override { return {.has_log = false, .restores_parts = true}; }

    Task<SourceState> inspect() override {
        SourceState state;
        state.identity = "files";  // a tree has no name of its own: it stays the same source when it is moved
        state.findings = co_await on_pool(services_.pools.blocking, [settings = settings_] { return path_findings(settings); });
        state.facts = facts();
        co_return state;
    }

    Task<BackupFacts> back_up(BackupRequest request, BackupSink& sink) override {
        TreeBackup backup{settings_, services_.pools, sink, request.read_everything, co_await asio::this_coro::executor};
        BackupFacts result;
        result.findings = co_await backup.run();
        result.stop_time = services_.clock.now();
        result.facts = facts();
        co_return result;
    }

    Task<> follow_log(std::optional<LogPosition>, LogSink&) override {
        throw no_log();
        co_return;
    }
    Task<LogProbe> probe_log(std::string) override {
        throw no_log();
        co_return LogProbe{};
    }

    Task<ResolvedTarget> resolve(Target target, const BackupFacts& base, LogSource*) override {
        const bool earlier = target.kind == Target::Kind::time && target.time && *target.time < base.stop_time;
        const bool known =
            target.kind == Target::Kind::latest || target.kind == Target::Kind::immediate || target.kind == Target::Kind::time;
        if (!known || earlier) {
            throw Error{Fault::invalid, known ? "this backup ended after the time asked for"
                                              : "a tree of files knows no such target: " + target.text}
                .code("point_not_recoverable", 22)
                .hint("Files are restored as a backup found them: choose a backup, or a time after its end.");
        }
        auto explanation = "the files as the backup that ended at " + to_rfc3339(base.stop_time) + " found them";
        co_return ResolvedTarget{.target = std::move(target), .position = {}, .explanation = std::move(explanation)};
    }

    Task<RestoreOutlook> preview_restore(RestoreRequest request, RestoreSource& base, LogSource*) override {
        co_return co_await preview_tree(std::move(request), base, services_.pools);
    }
    Task<Restored> restore(RestoreRequest request, RestoreSource& base, LogSource*) override {
        co_return co_await restore_tree(std::move(request), base, services_.pools);
    }

    Task<> retire() override { co_return; }

private:
    Properties facts() const { return {{"paths", lines_of(settings_.paths)}, {"kind", settings_.kind}}; }

    TreeSettings settings_;
    DriverServices services_;
};

}  // namespace

std::unique_ptr<Driver> make_driver(SourceName, const Settings& settings, DriverServices services) {
    return std::make_unique<FilesDriver>(read_tree_settings(settings), std::move(services));
}

}  // namespace varve::files

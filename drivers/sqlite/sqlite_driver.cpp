#include "sqlite/sqlite_driver.hpp"

#include "sqlite/base_backup.hpp"
#include "sqlite/database.hpp"
#include "sqlite/follow.hpp"
#include "sqlite/restore.hpp"
#include "sqlite/target.hpp"
#include "varve/error.hpp"

namespace varve::sqlite {

namespace {

std::filesystem::path path_in(const Settings& settings) {
    const std::filesystem::path path = settings.text("path");
    if (!path.is_absolute())
        throw Error{Fault::invalid, "path is \"" + path.string() + "\" (" + settings.place("path") + ")"}.hint(
            "Name the database by its absolute path.");
    return path.lexically_normal();
}

/// What can be said without a lock.
SourceState look_at(const std::filesystem::path& path) {
    SourceState state;
    // A database has no name of its own: a copy in its place is told by its pages.
    state.identity = "sqlite";
    state.version = library_version();
    const auto file = open_database_file(path);
    const auto header = find_database_header(file);
    if (!header) throw Error{Fault::overloaded, path.string() + " changes just now"};
    state.bytes = file.size();
    state.facts = {{"path", path.string()},
                   {"page_size", std::to_string(header->page_size)},
                   {"journal_mode", header->wal_mode ? "wal" : "rollback"}};
    if (!header->wal_mode)
        state.findings.push_back({Finding::Level::error, path.string() + " is not in WAL mode, so there is no log to follow",
                                  "Switch it once, it stays so: sqlite3 " + path.string() + " 'PRAGMA journal_mode=WAL'"});
    if (has_wal_reset_defect())
        state.findings.push_back({Finding::Level::info,
                                  "SQLite " + library_version() +
                                      " runs here; versions before 3.51.3 can lose a commit when two processes "
                                      "checkpoint at once",
                                  "Varve checkpoints only while a reader of its own keeps anybody from resetting the WAL. Update "
                                  "SQLite in the application."});
    return state;
}

class SqliteDriver final : public Driver {
public:
    SqliteDriver(std::filesystem::path path, DriverServices services)
        : path_{std::move(path)},
          services_{std::move(services)},
          follower_{path_, services_.state_dir, services_.pools, services_.clock} {}

    DriverTraits traits() const noexcept override { return {.has_log = true}; }

    Task<SourceState> inspect() override {
        auto state = co_await on_pool(services_.pools.blocking, [path = path_] { return look_at(path); });
        state.position = co_await follower_.position();
        co_return state;
    }

    Task<BackupFacts> back_up(BackupRequest, BackupSink& sink) override {
        return back_up_database(follower_, services_.pools, sink);
    }
    Task<> follow_log(std::optional<LogPosition> from, LogSink& sink) override { return follower_.follow(std::move(from), sink); }
    Task<LogProbe> probe_log(std::string mark) override {
        co_return LogProbe{.written = co_await follower_.mark(std::move(mark))};
    }

    Task<ResolvedTarget> resolve(Target target, const BackupFacts& base, LogSource* log) override {
        return resolve_target(std::move(target), base, log);
    }
    Task<RestoreOutlook> preview_restore(RestoreRequest request, RestoreSource& base, LogSource*) override {
        return preview_database(std::move(request), base, services_.pools);
    }
    Task<Restored> restore(RestoreRequest request, RestoreSource& base, LogSource* log) override {
        return restore_database(std::move(request), base, log, services_.pools);
    }

    Task<> retire() override { co_return; }  // nothing is held on a database that is not open

private:
    std::filesystem::path path_;
    DriverServices services_;
    Follower follower_;
};

}  // namespace

std::unique_ptr<Driver> make_driver(const SourceName&, const Settings& settings, DriverServices services) {
    return std::make_unique<SqliteDriver>(path_in(settings), std::move(services));
}

}  // namespace varve::sqlite

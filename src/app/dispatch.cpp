#include "app/dispatch.hpp"

#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "app/commands.hpp"
#include "app/registry.hpp"
#include "base/log_redirect.hpp"
#include "cli/completion.hpp"
#include "cli/dry_run.hpp"
#include "cli/interrupted.hpp"
#include "cli/log_line.hpp"
#include "cli/progress.hpp"
#include "jobs/wal_job.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

json named(const std::optional<SourceName>& source) { return source ? json(source->text()) : json(nullptr); }

/// One command line on its way. Each operator() answers one request.
class Dispatch {
public:
    explicit Dispatch(const cli::CommandLine& line)
        : line_{line},
          printer_{std::cerr, cli::progress_style(line.globals.json, ::isatty(STDERR_FILENO) == 1), SystemClock{}.now()} {
        if (!line.globals.json) return;
        redirect_log([](LogLevel level, std::string_view subject, std::string_view message) {
            const auto text = cli::log_line(level, subject, message, SystemClock{}.now());
            std::fwrite(text.data(), 1, text.size(), stderr);  // at once: standard error is not buffered
        });
    }

    cli::Answer operator()(const cli::VersionRequest&) {
        cli::VersionResult result{.version = VARVE_VERSION, .drivers = {}, .stores = {}, .repository_format = 1};
        const auto known = known_kinds();
        for (const auto& driver : known.drivers) result.drivers.push_back(driver.name);
        for (const auto& store : known.stores) result.stores.push_back(store.scheme);
        return answer(result);
    }
    cli::Answer operator()(const cli::CompletionRequest& request) {
        return answer(cli::CompletionResult{.shell = request.shell, .script = cli::completion_script(request.shell)});
    }
    cli::Answer operator()(const cli::ConfigCheckRequest&) {
        const auto checked = check_config(config_file(line_.globals.config), known_kinds());
        cli::ConfigCheckResult result{
            .file = checked.config.file.string(), .sources = {}, .repositories = {}, .problems = {}, .without_effect = {}};
        for (const auto& source : checked.config.sources) result.sources.push_back(source.name);
        for (const auto& repository : checked.config.repositories) result.repositories.push_back(repository.name);
        for (const auto& problem : checked.problems)
            result.problems.push_back({.place = problem.place, .what = problem.what, .remedy = problem.remedy});
        for (const auto& notice : without_effect(checked.config))
            result.without_effect.push_back({.place = notice.place, .what = notice.what, .remedy = notice.remedy});
        return answer(result);
    }
    cli::Answer operator()(const cli::ConfigShowRequest&) {
        cli::ConfigShowResult result;
        for (const auto& value : load().effective)
            result.values.push_back({.section = value.section, .key = value.key, .value = value.value, .place = value.place});
        return answer(result);
    }
    cli::Answer operator()(const cli::KeyListRequest&) {
        Runtime runtime{1};
        return answer(list_keys(App{runtime, load()}));
    }
    cli::Answer operator()(const cli::InitRequest& request) {
        if (request.discover) return answer(discover_sources(config_file(line_.globals.config), request));
        return without_repository(&init, request);
    }
    cli::Answer operator()(const cli::KeyExportRequest& request) { return without_repository(&export_key, request); }
    cli::Answer operator()(const cli::KeyProveRequest& request) { return without_repository(&prove_kit, request); }

    cli::Answer operator()(const cli::BackupListRequest& request) { return here(&list_backups, request); }
    cli::Answer operator()(const cli::BackupShowRequest& request) { return here(&show_backup, request); }
    cli::Answer operator()(const cli::LogListRequest& request) { return here(&list_log, request); }
    cli::Answer operator()(const cli::LogGapsRequest& request) { return here(&list_gaps, request); }
    cli::Answer operator()(const cli::LogExportRequest& request) { return here(&export_log, request); }
    cli::Answer operator()(const cli::VerifyRequest& request) { return here(&verify, request); }
    cli::Answer operator()(const cli::RetentionPlanRequest& request) {
        return here([](App& app, cli::RetentionPlanRequest asked) { return plan_retention(app, std::move(asked)); }, request);
    }
    cli::Answer operator()(const cli::CollectPlanRequest& request) { return here(&plan_collection, request); }
    cli::Answer operator()(const cli::CollectRunRequest& request) { return here(&run_collection, request); }
    cli::Answer operator()(const cli::CollectExplainRequest& request) { return here(&explain_collection, request); }
    cli::Answer operator()(const cli::BackupHoldRequest& request) {
        return here([](App& app, cli::BackupHoldRequest asked) { return hold_backup(app, std::move(asked)); }, request);
    }
    cli::Answer operator()(const cli::BackupReleaseRequest& request) { return here(&release_backup, request); }
    cli::Answer operator()(const cli::BackupAcknowledgeRequest& request) { return here(&acknowledge_backup, request); }
    cli::Answer operator()(const cli::BackupDeleteRequest& request) {
        return here([](App& app, cli::BackupDeleteRequest asked) { return delete_backup(app, std::move(asked)); }, request);
    }
    cli::Answer operator()(const cli::SourceAdoptRequest& request) { return here(&adopt_source, request); }
    cli::Answer operator()(const cli::SourceRetireRequest& request) { return here(&retire_source, request); }
    cli::Answer operator()(const cli::RestorePlanRequest& request) {
        return here([](App& app, cli::RestorePlanRequest asked) { return plan_restore(app, std::move(asked)); }, request);
    }
    cli::Answer operator()(const cli::RestoreRunRequest& request) {
        return here([this](App& app, cli::RestoreRunRequest asked) { return run_restore(app, std::move(asked), report()); },
                    request);
    }
    cli::Answer operator()(const cli::ListFilesRequest& request) { return listed(&list_files, request); }
    cli::Answer operator()(const cli::FindFilesRequest& request) { return listed(&find_files, request); }
    cli::Answer operator()(const cli::DiffFilesRequest& request) { return listed(&diff_files, request); }
    cli::Answer operator()(const cli::CatFilesRequest& request) {
        if (line_.globals.json)
            throw Error{Fault::invalid, "cat prints content, and --json one document"}
                .code("usage", 2)
                .hint("Leave --json out; varve ls --json tells of what a file is.");
        App& app = make_app();
        auto work = [&]() -> Task<> {
            co_await app.open();
            co_await print_files(app, request);
        };
        run_to_end(work());
        return {};
    }
    cli::Answer operator()(const cli::WalFetchRequest& request) {
        if (request.plan && !line_.globals.config) config_ = read_fetch_plan(*request.plan).config;
        return here(&fetch_wal, request);
    }

    cli::Answer operator()(const cli::BackupRunRequest& request) {
        json sources = json::array();
        for (const auto& source : request.sources) sources.push_back(source.text());
        return by_service<cli::BackupRunResult>({{"sources", sources}, {"full", request.full}},
                                                [this, &request](App& app) { return run_backups(app, request, report()); });
    }
    cli::Answer operator()(const cli::CheckRequest& request) {
        return by_service<cli::CheckResult>({{"source", named(request.source)}},
                                            [&request](App& app) { return check(app, request, nullptr); });
    }
    cli::Answer operator()(const cli::StatusRequest& request) {
        return by_service<cli::StatusResult>({{"source", named(request.source)}},
                                             [&request](App& app) { return status(app, request, nullptr); });
    }
    cli::Answer operator()(const cli::LogFollowRequest& request) {
        if (!request.until_caught_up) return here(&follow_log, request);
        return by_service<cli::LogFollowResult>({{"source", request.source.text()}},
                                                [&request](App& app) { return follow_log(app, request); });
    }
    cli::Answer operator()(const cli::MarkRequest& request) {
        auto absent = [](App& app) -> Task<cli::MarkResult> {
            throw Error{Fault::unreachable, "no service answers on " + app.config().service.socket.string()}.hint(
                "A mark is set by the service that follows the log: start varve serve.");
            co_return cli::MarkResult{};
        };
        return by_service<cli::MarkResult>({{"source", request.source.text()}, {"name", request.name}}, absent);
    }
    /// The service may hold secrets that are given to it alone (systemd credentials); without it, they are this process's.
    cli::Answer operator()(const cli::NotifyTestRequest&) {
        return by_service<cli::NotifyTestResult, Needs::nothing>(json::object(), [](App& app) { return test_notices(app); });
    }
    /// Only the service knows what was followed: without it the server must try again later.
    cli::Answer operator()(const cli::WalPushRequest& request) {
        const auto file = std::filesystem::absolute(request.file);
        auto absent = [](App& app) -> Task<cli::WalPushResult> {
            throw Error{Fault::overloaded, "no service answers on " + app.config().service.socket.string()}.hint(
                "Start varve serve: the server keeps the segment and tries again.");
            co_return cli::WalPushResult{};
        };
        return by_service<cli::WalPushResult>({{"source", request.source.text()}, {"file", file.string()}}, absent);
    }
    cli::Answer operator()(const cli::ServeRequest&) {
        App& app = make_app();
        auto work = [&app]() -> Task<> {
            co_await app.open();
            co_await serve(app);
        };
        try {
            runtime_->run(work());
        } catch (...) {
            // A stop on request is how a service ends.
            if (runtime_->signal() == 0 || !is_stop(std::current_exception())) throw;
        }
        return {};
    }

    /// Nothing changes and, but for a restore, nothing is opened; a name that the configuration does not know is refused as it
    /// would be for good.
    cli::Answer dry_run() {
        if (const auto* restore = std::get_if<cli::RestoreRunRequest>(&line_.request))
            return here([](App& app, cli::RestoreRunRequest asked) { return rehearse_restore(app, std::move(asked)); }, *restore);
        const auto steps = cli::dry_run_of(line_.request);
        if (const auto* init = std::get_if<cli::InitRequest>(&line_.request); init != nullptr && init->discover)
            return answer(*steps);
        if (!steps) throw Error{Fault::unsupported, line_.command + " cannot be run dry"};
        const auto config = load();
        for (const auto& source : cli::sources_of(line_.request)) config.source(source);
        return answer(*steps);
    }

private:
    Config load() const {
        auto file = config_ ? *config_ : config_file(line_.globals.config);
        auto config = load_config(file, known_kinds());
        set_log_level(config.log_level);
        return config;
    }

    App& make_app() {
        auto config = load();
        runtime_ = std::make_unique<Runtime>(config.limits.workers);
        app_ = std::make_unique<App>(*runtime_, std::move(config));
        return *app_;
    }

    void show(const cli::ProgressNow& now) { printer_.show(now, runtime_->clock().now()); }

    ReportProgress report() {
        return [this](const Progress& progress) {
            show({.what = progress.what,
                  .bytes_done = progress.bytes_done,
                  .bytes_total = progress.bytes_total,
                  .files = progress.files});
        };
    }

    /// Of everything that was thrown because a signal ended the command, the signal is what happened.
    void run_to_end(Task<> work) {
        try {
            runtime_->run(std::move(work));
        } catch (...) {
            const auto failure = std::current_exception();
            printer_.clear();
            if (runtime_->signal() == 0 || !is_stop(failure)) throw;
            throw cli::interrupted(line_.request, runtime_->signal());
        }
    }

    template <class R>
    cli::Answer answer(const R& result) const {
        return cli::answer_of(line_.command, result, line_.globals.json);
    }

    /// Runs `make` (from an App to a task with a result) to its end.
    template <class Make>
    auto run(App& app, Make make) {
        using Result = typename decltype(make(app))::value_type;
        std::optional<Result> result;
        auto work = [&]() -> Task<> { result = co_await make(app); };
        run_to_end(work());
        printer_.clear();
        return std::move(*result);
    }

    template <class Do, class Request>
    cli::Answer without_repository(Do act, const Request& request) {
        return answer(run(make_app(), [&](App& app) { return act(app, request); }));
    }

    template <class Do, class Request>
    cli::Answer here(Do act, const Request& request) {
        auto make = [&](App& app) { return after_open(app, act, request); };
        return answer(run(make_app(), make));
    }

    /// A list, written while it is found.
    template <class Do, class Request>
    cli::Answer listed(Do act, const Request& request) {
        cli::Listing listing{line_.command, line_.globals.json};
        try {
            return listing.end(run(make_app(), [&](App& app) { return after_open(app, act, request, listing); }));
        } catch (...) {
            return listing.fail(error_of(std::current_exception()));
        }
    }

    template <class Do, class Request, class... More>
    static auto after_open(App& app, Do act, Request request, More&... more) -> decltype(act(app, request, more...)) {
        co_await app.open();
        co_return co_await act(app, std::move(request), more...);
    }

    enum class Needs { repository, nothing };  ///< of what is to be opened in this process
    /// The service when it is up, else this process.
    template <class R, Needs needs = Needs::repository, class Local>
    cli::Answer by_service(json arguments, Local local) {
        auto& app = make_app();
        const auto socket = app.config().service.socket;
        auto call = [&](App&) -> Task<std::optional<json>> {
            auto show_theirs = [this](const json& shown) {
                cli::ProgressNow now;
                from_json(shown, now);
                show(now);
            };
            co_return co_await call_service(socket, line_.command, arguments, show_theirs);
        };
        if (const auto reply = run(app, call))
            return cli::answer_of(*reply, cli::to_text(cli::result_of<R>(*reply)), line_.globals.json);
        if constexpr (needs == Needs::nothing) return answer(run(app, local));
        auto make = [&](App& opened) { return opened_and(opened, local); };
        return answer(run(app, make));
    }

    template <class Local>
    static auto opened_and(App& app, Local local) -> decltype(local(app)) {
        co_await app.open();
        co_return co_await local(app);
    }

    const cli::CommandLine& line_;
    std::optional<std::filesystem::path> config_;
    std::unique_ptr<Runtime> runtime_;
    std::unique_ptr<App> app_;
    cli::ProgressPrinter printer_;
};

}  // namespace

cli::Answer run_command_line(const cli::CommandLine& line) {
    try {
        Dispatch dispatch{line};
        return line.globals.dry_run ? dispatch.dry_run() : std::visit(dispatch, line.request);
    } catch (...) {
        return cli::answer_of(line.command, error_of(std::current_exception()), line.globals.json);
    }
}

}  // namespace varve

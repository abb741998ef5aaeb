#include "app/commands.hpp"
#include "cli/progress.hpp"
#include "cli/reply.hpp"
#include "jobs/wal_job.hpp"
#include "policy/zone_database.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

std::optional<SourceName> source_in(const json& arguments) {
    if (!arguments.contains("source") || arguments["source"].is_null()) return std::nullopt;
    return SourceName{arguments["source"].get<std::string>()};
}

SourceName the_source(const json& arguments) {
    auto name = source_in(arguments);
    if (!name) throw Error{Fault::invalid, "the command needs a source"};
    return *name;
}

/// Commands of the control socket. Who may do what follows from the peer's uid: root and the service's own user act;
/// the user that owns a file may hand it over to be archived.
class Desk {
public:
    Desk(App& app, Service& service) : app_{app}, service_{service} {}

    Task<json> answer(std::string command, json arguments, Peer peer, SendProgress send_progress) {
        try {
            co_return co_await carry_out(command, std::move(arguments), peer, std::move(send_progress));
        } catch (const Error& error) {
            if (error.fault() == Fault::cancelled) throw;
            co_return cli::reply_of(command, error);
        } catch (const json::exception& error) {
            co_return cli::reply_of(
                command, Error{Fault::invalid, std::string{"the arguments of the command cannot be read: "} + error.what()});
        }
    }

private:
    Task<json> carry_out(std::string command, json arguments, Peer peer, SendProgress send_progress) {
        if (command == "wal-push") co_return co_await push(arguments, peer);
        require_operator(peer, command);
        if (command == "backup run") co_return co_await back_up(arguments, std::move(send_progress));
        if (command == "status") {
            const auto result = co_await status(app_, {.source = source_in(arguments)}, &service_);
            co_return cli::reply_of(command, result);
        }
        if (command == "check") {
            const auto result = co_await check(app_, {.source = source_in(arguments)}, &service_);
            co_return cli::reply_of(command, result);
        }
        if (command == "log follow") co_return co_await catch_up(the_source(arguments));
        if (command == "log known") co_return co_await known(the_source(arguments));
        throw Error{Fault::unsupported, "the service does not know the command " + command}.hint(
            "Its version may be older than yours: restart it.");
    }

    static void require_operator(const Peer& peer, const std::string& command) {
        if (peer.uid == 0 || peer.uid == ::geteuid()) return;
        throw Error{Fault::denied, "user " + std::to_string(peer.uid) + " may not run " + command + " in the service"}.hint(
            "Run it as root or as the user that the service runs as.");
    }

    Task<json> back_up(const json& arguments, SendProgress send_progress) {
        cli::BackupRunResult result;
        const auto report_to_client = [&](const Progress& progress) {
            send_progress(cli::to_json(cli::ProgressNow{.what = progress.what,
                                                        .bytes_done = progress.bytes_done,
                                                        .bytes_total = progress.bytes_total,
                                                        .files = progress.files}));
        };
        const BackupOptions options{.read_everything = arguments.value("full", false), .report = report_to_client};
        for (const auto& source : arguments.at("sources").get<std::vector<std::string>>()) {
            const auto report = co_await service_.back_up(source, options);
            result.backups.push_back(made_of(SourceName{source}, report));
        }
        co_return cli::reply_of("backup run", result);
    }

    Task<json> catch_up(SourceName name) {
        auto* follower = service_.follower(name.text());
        if (follower == nullptr) throw Error{Fault::invalid, "the service does not follow the log of " + name.text()};
        const auto position = co_await follower->caught_up();
        const cli::LogFollowResult result{
            .source = name, .lineage = position.lineage, .position = position.text, .caught_up = true, .gaps = 0};
        co_return cli::reply_of("log follow", result);
    }

    /// Up to when nothing that was committed is missing from the archive: a restore may then promise an instant after the last
    /// commit.
    Task<json> known(SourceName name) {
        auto* follower = service_.follower(name.text());
        std::optional<Instant> through;
        if (follower != nullptr) {
            const auto before = app_.runtime().clock().now();
            if (co_await follower->catches_up(std::chrono::seconds{5})) through = before;
            if (!through) through = follower->state().durable_through;
        }
        co_return cli::reply_of("log known", json{{"through", through ? json(to_rfc3339(*through)) : json(nullptr)}},
                                std::nullopt);
    }

    Task<json> push(const json& arguments, Peer peer) {
        const auto name = the_source(arguments);
        const std::filesystem::path file = arguments.at("file").get<std::string>();
        const auto file_status = LocalFile::open(file).status();
        if (peer.uid != 0 && peer.uid != ::geteuid() && peer.uid != file_status.st_uid)
            throw Error{Fault::denied, "user " + std::to_string(peer.uid) + " does not own " + file.string()};
        const auto report = co_await push_log_file(app_.jobs(), app_.source(name), service_.follower(name.text()), file);
        co_return cli::reply_of("wal-push", pushed_of(name, file, report));
    }

    App& app_;
    Service& service_;
};

}  // namespace

Task<> serve(App& app) {
    std::vector<ServedSource> served;
    const auto& zone = zone_named(app.config().zone.name);
    for (auto* source : app.sources())
        served.push_back({.source = source, .backup = app.config().source(source->setup.name).backup, .zone = zone});
    Service service{app.jobs(),
                    std::move(served),
                    {.socket = app.config().service.socket, .backups_at_once = app.config().limits.backups_at_once}};
    Desk desk{app, service};
    auto answer = [&desk](std::string command, json arguments, Peer peer, SendProgress send_progress) {
        return desk.answer(std::move(command), std::move(arguments), peer, std::move(send_progress));
    };
    co_await service.run(answer);
}

}  // namespace varve

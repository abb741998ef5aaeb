#include <sys/stat.h>

#include "app/commands.hpp"
#include "app/outside.hpp"
#include "cli/progress.hpp"
#include "cli/reply.hpp"
#include "jobs/check_job.hpp"
#include "jobs/wal_job.hpp"
#include "policy/zone_database.hpp"
#include "service/catch_up.hpp"
#include "service/rights.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using json = nlohmann::json;

constexpr std::size_t mark_bytes_max = 63;  // as long as PostgreSQL takes

std::optional<SourceName> source_in(const json& arguments) {
    if (!arguments.contains("source") || arguments["source"].is_null()) return std::nullopt;
    return SourceName{arguments["source"].get<std::string>()};
}

SourceName the_source(const json& arguments) {
    auto name = source_in(arguments);
    if (!name) throw Error{Fault::invalid, "the command needs a source"};
    return *name;
}

/// Commands of the control socket. Who may do what follows from the peer's credentials: service/rights.hpp.
class Desk {
public:
    Desk(App& app, Service& service, StatusBoard& board, Authorities authorities)
        : app_{app}, service_{service}, board_{board}, authorities_{authorities} {}

    Task<json> answer(std::string command, json arguments, Peer peer, SendProgress send_progress) {
        try {
            co_return co_await carry_out(command, std::move(arguments), peer, std::move(send_progress));
        } catch (const json::exception& error) {
            co_return cli::reply_of(
                command, Error{Fault::invalid, std::string{"the arguments of the command cannot be read: "} + error.what()});
        } catch (...) {
            const auto failure = std::current_exception();
            if (is_stop(failure)) throw;
            co_return cli::reply_of(command, error_of(failure));
        }
    }

private:
    Task<json> carry_out(std::string command, json arguments, Peer peer, SendProgress send_progress) {
        if (command == "wal-push") co_return co_await push(arguments, peer);
        require(peer, command == "status" || command == "log known" ? Right::look : Right::act, command);
        if (command == "backup run") co_return co_await back_up(arguments, std::move(send_progress));
        if (command == "status") {
            const auto result = co_await status(app_, {.source = source_in(arguments)}, &board_);
            co_return cli::reply_of(command, result);
        }
        if (command == "check") {
            const auto result = co_await check(app_, {.source = source_in(arguments)}, &service_);
            co_return cli::reply_of(command, result);
        }
        if (command == "notify test") {
            const auto result = co_await test_notices(app_);
            co_return cli::reply_of(command, result);
        }
        if (command == "mark") co_return co_await mark(the_source(arguments), arguments.at("name").get<std::string>());
        if (command == "log follow") co_return co_await catch_up(the_source(arguments));
        if (command == "log known") co_return co_await known(the_source(arguments));
        throw Error{Fault::unsupported, "the service does not know the command " + command}.hint(
            "Its version may be older than yours: restart it.");
    }

    void require(const Peer& peer, Right right, const std::string& command) const {
        if (may(peer, authorities_, right)) return;
        const std::string groups = right == Right::look ? "group varve or varve-admin" : "group varve-admin";
        throw Error{Fault::denied, "user " + std::to_string(peer.uid) + " may not run " + command + " in the service"}.hint(
            "Run it as root, as the user that the service runs as, or as a member of " + groups + ".");
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

    Task<json> mark(SourceName name, std::string text) {
        const auto follower = service_.follower(name.text());
        if (!follower) throw Error{Fault::invalid, "the service does not follow the log of " + name.text()};
        if (text.empty() || text.size() > mark_bytes_max)
            throw Error{Fault::invalid, "a mark's name has 1 to " + std::to_string(mark_bytes_max) + " bytes"};
        const auto position = co_await set_mark(app_.jobs(), app_.source(name), *follower, text);
        const cli::MarkResult result{.source = name, .name = text, .lineage = position.lineage, .position = position.text};
        co_return cli::reply_of("mark", result);
    }

    Task<json> catch_up(SourceName name) {
        const auto follower = service_.follower(name.text());
        if (!follower) throw Error{Fault::invalid, "the service does not follow the log of " + name.text()};
        const auto gaps_before = follower->state().gaps;
        const auto position = co_await varve::catch_up(app_.runtime().clock(), *follower);
        const cli::LogFollowResult result{.source = name,
                                          .lineage = position.lineage,
                                          .position = position.text,
                                          .caught_up = true,
                                          .gaps = follower->state().gaps - gaps_before};
        co_return cli::reply_of("log follow", result);
    }

    /// Up to when nothing that was committed is missing from the archive: a restore may then promise an instant after the last
    /// commit.
    Task<json> known(SourceName name) {
        const auto follower = service_.follower(name.text());
        std::optional<Instant> through;
        if (follower) {
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
        auto& source = app_.source(name);
        // Whoever acts needs no leave of the server: it may be on its way down, and waits for this.
        const bool acts = may(peer, authorities_, Right::act);
        const auto owner = acts ? std::nullopt : co_await data_owner(source);
        if (!may_push(peer, authorities_, owner, LocalFile::open(file).status().st_uid)) {
            data_directories_.erase(name);  // it may have moved: the next one asks again
            throw Error{Fault::denied,
                        "user " + std::to_string(peer.uid) + " may not hand over " + file.string() + " for " + name.text()}
                .hint(
                    "Only the owner of the source's data directory may, with files of its own; and who may act in the service.");
        }
        const auto follower = service_.follower(name.text());
        const auto report = co_await push_log_file(app_.jobs(), source, follower.get(), file);
        co_return cli::reply_of("wal-push", pushed_of(name, file, report));
    }

    /// Of the data directory, where the server tells it and it is on this host. Its place is asked for once: a server that shuts
    /// down hands over its last files when nobody can ask it any more.
    Task<std::optional<uid_t>> data_owner(Source& source) {
        const auto& name = source.setup.name;
        if (!data_directories_.contains(name)) {
            const auto state = co_await source.driver->inspect();
            const auto told = state.facts.find("data_directory");
            data_directories_[name] = told == state.facts.end() ? std::string{} : told->second;
        }
        struct ::stat status{};
        const auto& directory = data_directories_[name];
        if (directory.empty() || ::stat(directory.c_str(), &status) != 0) co_return std::nullopt;
        co_return status.st_uid;
    }

    App& app_;
    Service& service_;
    StatusBoard& board_;
    Authorities authorities_;
    std::map<SourceName, std::string> data_directories_;
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
    const auto authorities = co_await on_pool(app.runtime().pools().blocking, &find_authorities);
    Outside outside{app, service, co_await asio::this_coro::executor};
    Desk desk{app, service, outside.board(), authorities};
    auto answer = [&desk](std::string command, json arguments, Peer peer, SendProgress send_progress) {
        return desk.answer(std::move(command), std::move(arguments), peer, std::move(send_progress));
    };
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(outside.run());
        co_await service.run(answer);
        group.request_stop();
    };
    co_await in_group(body);
}

}  // namespace varve

#include "app/outside.hpp"

#include "app/commands.hpp"
#include "policy/backoff.hpp"
#include "policy/zone_database.hpp"
#include "service/metrics.hpp"
#include "service/service_view.hpp"
#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

constexpr BackoffRule begin_again{.first = std::chrono::seconds{5}, .longest = std::chrono::minutes{1}};

/// What ends, whatever ended it, begins anew: the service archives on meanwhile. Said once while it fails in the same way.
Task<> kept_up(Clock& clock, std::string what, std::function<Task<>()> make) {
    Backoff backoff{begin_again};
    std::string said;
    for (;;) {
        std::exception_ptr failure;
        try {
            co_await make();
        } catch (...) {
            failure = std::current_exception();
        }
        co_await check_stop();
        const auto error = failure ? error_of(failure) : Error{Fault::defect, "it ended without a reason"};
        if (error.sentence() != std::exchange(said, error.sentence())) log_failure(LogLevel::error, what, error);
        backoff.failed();
        co_await clock.sleep_for(backoff.pause(0));
    }
}

std::vector<BoardSource> board_of(App& app, const Service& service) {
    std::vector<BoardSource> sources;
    for (auto* source : app.sources()) {
        const auto& setup = source->setup;
        sources.push_back(
            {.name = setup.name,
             .driver = setup.driver,
             .has_log = source->driver->traits().has_log && setup.log != LogRoute::off,
             .rules = rules_for(setup),
             .read = [&app, source](std::optional<Instant> through) { return archived_status(app.jobs(), *source, through); },
             .view =
                 [&app, &service, name = setup.name](Instant now) {
                     const auto state = service.find_state(name.text());
                     return state ? view_of(*state, app.jobs().repository.copies(), now) : ServiceView{};
                 }});
    }
    return sources;
}

}  // namespace

Outside::Outside(App& app, const Service& service, const asio::any_io_executor& executor)
    : app_{app},
      began_{app.runtime().clock().now()},
      board_{executor, app.runtime().clock(), board_of(app, service)},
      watch_{app.jobs(), app.sources(), [&app](const RepositoryName& copy) { return app.retries_of(copy); }},
      notifier_{app.runtime().clock(),
                app.runtime().pools(),
                notice_targets(app.config()),
                [this] { return board_.statuses(); },
                {.host = app.jobs().repository.keys().host_name,
                 .memory = app.config().state_dir / "notices.json",
                 .zone = zone_named(app.config().zone.name)}} {}

std::string Outside::metrics() const {
    return metrics_text({.now = app_.runtime().clock().now(),
                         .began = began_,
                         .sources = board_.statuses(),
                         .repositories = watch_.facts(),
                         .next_deletion = watch_.next_deletions(),
                         .notices = notifier_.counts()});
}

HttpReply Outside::answer(const std::string& path) const {
    if (path == "/metrics") return {.type = metrics_type, .body = metrics()};
    if (path == "/healthz") return {.body = "ok\n"};
    if (path == "/readyz") {
        const auto why = unready(board_.statuses());
        return why.empty() ? HttpReply{.body = "ok\n"} : HttpReply{.status = 503, .body = why};
    }
    return {.status = 404, .body = "there are /metrics, /healthz and /readyz\n"};
}

Task<> Outside::serve_pages() {
    const auto& address = *app_.config().service.http;
    auto acceptor = co_await listen_http(address.host, address.port);
    log(LogLevel::info, "http",
        "metrics and health are at port " + std::to_string(acceptor.local_endpoint().port()) + " of " + address.host);
    co_await serve_http(std::move(acceptor), [this](const std::string& path) { return answer(path); });
}

Task<> Outside::run() {
    auto& clock = app_.runtime().clock();
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(kept_up(clock, "status", [this] { return board_.run(); }));
        group.spawn(kept_up(clock, "repositories", [this] { return watch_.run(); }));
        if (!app_.config().notify.empty()) group.spawn(kept_up(clock, "notify", [this] { return notifier_.run(); }));
        if (app_.config().service.http) group.spawn(kept_up(clock, "http", [this] { return serve_pages(); }));
        co_await group.join();
    };
    co_await in_group(body);
}

}  // namespace varve

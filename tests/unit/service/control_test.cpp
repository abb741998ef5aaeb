#include "service/control.hpp"

#include <catch2/catch.hpp>

#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "varve/error.hpp"

using namespace varve;
using varve::test::run;
using varve::test::TempDir;
using json = nlohmann::json;

namespace {

/// Runs `client` while a service answers on `socket`, then stops the service.
void with_service(const std::filesystem::path& socket, HandleCommand handle, std::function<Task<>()> client) {
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(serve_control(socket, handle));
        while (!std::filesystem::exists(socket)) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
        co_await client();
        group.request_stop();
    };
    run(in_group(body));
}

Task<json> echo(std::string command, json arguments, Peer peer, SendProgress send_progress) {
    send_progress({{"done", 1}});
    co_return json{{"ok", true}, {"command", command}, {"arguments", arguments}, {"uid", peer.uid}};
}

}  // namespace

TEST_CASE("a command reaches the service with its arguments and the caller's uid, and its reply comes back") {
    const TempDir folder;
    std::optional<json> reply;

    with_service(folder.path() / "s", echo,
                 [&]() -> Task<> { reply = co_await call_service(folder.path() / "s", "backup run", {{"source", "pg/main"}}); });

    REQUIRE(reply);
    CHECK((*reply)["command"] == "backup run");
    CHECK((*reply)["arguments"]["source"] == "pg/main");
    CHECK((*reply)["uid"] == ::getuid());
}

TEST_CASE("without a service a call finds nothing, and a socket file left behind does not change that") {
    const TempDir folder;
    std::optional<json> reply = json{};

    with_service(folder.path() / "s", echo, []() -> Task<> { co_return; });
    auto call = [&]() -> Task<> { reply = co_await call_service(folder.path() / "s", "status", {}); };
    run(call());

    CHECK_FALSE(reply);
    CHECK_FALSE(std::filesystem::exists(folder.path() / "s"));
}

TEST_CASE("a second service on one socket is refused as busy") {
    const TempDir folder;
    std::optional<Error> refusal;

    with_service(folder.path() / "s", echo, [&]() -> Task<> {
        try {
            co_await serve_control(folder.path() / "s", echo);
        } catch (const Error& error) {
            refusal = error;
        }
    });

    REQUIRE(refusal);
    CHECK(refusal->exit_code() == 11);
}

TEST_CASE("a client that goes away cancels its command") {
    const TempDir folder;
    bool cancelled = false;
    auto forever = [&](std::string, json, Peer, SendProgress) -> Task<json> {
        Signal never{co_await asio::this_coro::executor};
        try {
            co_await never.wait();
        } catch (...) {
            cancelled = is_stop(std::current_exception());
            throw;
        }
        co_return json{};
    };

    with_service(folder.path() / "s", forever, [&]() -> Task<> {
        const auto executor = co_await asio::this_coro::executor;
        TaskGroup client{executor};
        auto call = [&]() -> Task<> { (void)co_await call_service(folder.path() / "s", "backup run", {}); };
        client.spawn(call());
        for (int turn = 0; turn < 200; ++turn) co_await asio::post(executor, asio::use_awaitable);
        client.request_stop();
        co_await client.join();
        while (!cancelled) co_await asio::post(executor, asio::use_awaitable);
    });

    CHECK(cancelled);
}

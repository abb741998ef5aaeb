#include "service/control.hpp"

#include <catch2/catch.hpp>

#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "support/run.hpp"
#include "support/temp_dir.hpp"
#include "varve/error.hpp"

using namespace varve;
using varve::test::run;
using varve::test::TempDir;
using json = nlohmann::json;

namespace {

/// Runs `client` while a service answers on `socket`, then stops the service.
void with_service(const std::filesystem::path& socket, HandleCommand handle, std::function<Task<>()> client,
                  ControlLimits limits = {}) {
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(serve_control(socket, handle, limits));
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

using RawSocket = asio::local::stream_protocol::socket;

Task<RawSocket> connect_raw(const std::filesystem::path& path) {
    RawSocket socket{co_await asio::this_coro::executor};
    co_await socket.async_connect({path.string()}, asio::use_awaitable);
    co_return socket;
}
/// Until the service closes.
Task<std::string> read_all(RawSocket& socket) {
    std::string all;
    (void)co_await asio::async_read(socket, asio::dynamic_buffer(all), asio::as_tuple(asio::use_awaitable));
    co_return all;
}
Task<> take_turns(int count) {
    for (int turn = 0; turn < count; ++turn) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

mode_t mode_of(const std::filesystem::path& path) {
    struct ::stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777;
}

/// No file can be opened while this lives.
class NoDescriptors {
public:
    NoDescriptors() {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        auto none = before_;
        none.rlim_cur = 0;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    ::rlimit before_{};
};

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

TEST_CASE("everyone may reach the socket, whatever umask the service runs with") {
    const TempDir folder;
    const auto socket = folder.path() / "run" / "s";
    mode_t folder_mode = 0, socket_mode = 0;

    const auto before = ::umask(0077);
    with_service(socket, echo, [&]() -> Task<> {
        folder_mode = mode_of(socket.parent_path());
        socket_mode = mode_of(socket);
        co_return;
    });
    ::umask(before);

    CHECK(folder_mode == 0755);
    CHECK(socket_mode == 0666);
}

TEST_CASE("the service goes on when no descriptor was left for a client") {
    const TempDir folder;
    std::optional<json> reply;

    with_service(folder.path() / "s", echo,
                 [&]() -> Task<> {
                     auto waiting = co_await connect_raw(folder.path() / "s");
                     {
                         const NoDescriptors none;
                         co_await take_turns(200);
                     }
                     reply = co_await call_service(folder.path() / "s", "status", {});
                 },
                 {.accept_pause = std::chrono::milliseconds{1}});

    REQUIRE(reply);
    CHECK((*reply)["ok"] == true);
}

TEST_CASE("a client that sends no request is hung up on, and one that sends too much as well") {
    const TempDir folder;
    std::string silent = "unread", loud = "unread";

    with_service(folder.path() / "s", echo,
                 [&]() -> Task<> {
                     auto idle = co_await connect_raw(folder.path() / "s");
                     silent = co_await read_all(idle);
                 },
                 {.first_line = std::chrono::seconds{0}});
    with_service(folder.path() / "s", echo,
                 [&]() -> Task<> {
                     auto talker = co_await connect_raw(folder.path() / "s");
                     const std::string much(200, 'x');
                     (void)co_await asio::async_write(talker, asio::buffer(much), asio::as_tuple(asio::use_awaitable));
                     loud = co_await read_all(talker);
                 },
                 {.request_bytes = 100});

    CHECK(silent.empty());
    CHECK(loud.empty());
}

TEST_CASE("a client beyond the limit waits until another one has ended") {
    const TempDir folder;
    std::optional<json> reply;
    bool answered_too_early = false;

    with_service(folder.path() / "s", echo,
                 [&]() -> Task<> {
                     const auto executor = co_await asio::this_coro::executor;
                     auto first = co_await connect_raw(folder.path() / "s");
                     co_await take_turns(50);
                     TaskGroup clients{executor};
                     auto second = [&]() -> Task<> { reply = co_await call_service(folder.path() / "s", "status", {}); };
                     clients.spawn(second());
                     co_await take_turns(200);
                     answered_too_early = reply.has_value();
                     first.close();
                     co_await clients.join();
                 },
                 {.connections = 1});

    CHECK_FALSE(answered_too_early);
    CHECK(reply);
}

TEST_CASE("a command that throws what no error of ours is ends its own connection only") {
    const TempDir folder;
    std::optional<json> reply;
    std::optional<Error> refusal;
    auto handle = [](std::string command, json, Peer, SendProgress) -> Task<json> {
        if (command == "burst") throw std::bad_alloc{};
        co_return json{{"ok", true}};
    };

    with_service(folder.path() / "s", handle, [&]() -> Task<> {
        try {
            (void)co_await call_service(folder.path() / "s", "burst", {});
        } catch (const Error& error) {
            refusal = error;
        }
        reply = co_await call_service(folder.path() / "s", "status", {});
    });

    CHECK(refusal);
    CHECK(reply);
}

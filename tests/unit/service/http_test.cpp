#include "service/http.hpp"

#include <catch2/catch.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "support/run.hpp"
#include "varve/error.hpp"

using namespace varve;
using namespace std::chrono_literals;
using varve::test::run;

namespace {

using Socket = asio::ip::tcp::socket;

HttpReply page(const std::string& path) {
    if (path == "/metrics") return {.type = "text/x-test", .body = "metrics\n"};
    return {.status = 404, .body = "no " + path + "\n"};
}

/// Runs `client` (from the address) beside a server.
void with_server(HttpLimits limits, std::function<Task<>(asio::ip::tcp::endpoint)> client) {
    auto body = [&](TaskGroup& group) -> Task<> {
        auto acceptor = co_await listen_http("127.0.0.1", 0);
        const auto address = acceptor.local_endpoint();
        group.spawn(serve_http(std::move(acceptor), &page, limits));
        co_await client(address);
        group.request_stop();
    };
    run(in_group(body));
}

Task<Socket> connect(asio::ip::tcp::endpoint address) {
    Socket socket{co_await asio::this_coro::executor};
    co_await socket.async_connect(address, asio::use_awaitable);
    co_return socket;
}
Task<> send(Socket& socket, std::string text) {
    (void)co_await asio::async_write(socket, asio::buffer(text), asio::as_tuple(asio::use_awaitable));
}
/// Until the server closes.
Task<std::string> read_all(Socket& socket) {
    std::string all;
    (void)co_await asio::async_read(socket, asio::dynamic_buffer(all), asio::as_tuple(asio::use_awaitable));
    co_return all;
}
Task<std::string> ask(asio::ip::tcp::endpoint address, std::string request) {
    auto socket = co_await connect(address);
    co_await send(socket, std::move(request));
    co_return co_await read_all(socket);
}

}  // namespace

TEST_CASE("a page is given whole with its type, without its query, and the connection ends") {
    std::string got, missing, head;

    with_server({}, [&](asio::ip::tcp::endpoint address) -> Task<> {
        got = co_await ask(address, "GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        missing = co_await ask(address, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
        head = co_await ask(address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    });

    CHECK(got.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(got.find("Content-Type: text/x-test\r\n") != std::string::npos);
    CHECK(got.ends_with("\r\n\r\nmetrics\n"));
    CHECK(missing.starts_with("HTTP/1.1 404 "));
    CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(head.find("Content-Length: 8\r\n") != std::string::npos);
    CHECK(head.ends_with("\r\n\r\n"));
}

TEST_CASE("what is no request for a page is refused in a word") {
    std::string posted, garbage, huge;

    with_server({}, [&](asio::ip::tcp::endpoint address) -> Task<> {
        posted = co_await ask(address, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
        garbage = co_await ask(address, "\x16\x03\x01\x02 what is this\r\n\r\n");
        huge = co_await ask(address, "GET /metrics HTTP/1.1\r\nX: " + std::string(20'000, 'x'));
    });

    CHECK(posted.starts_with("HTTP/1.1 405 "));
    CHECK(garbage.starts_with("HTTP/1.1 400 "));
    CHECK(huge.starts_with("HTTP/1.1 431 "));
}

TEST_CASE("a client that says nothing, or never the whole of it, is hung up on in time") {
    std::string silent = "unread", slow = "unread";

    with_server({.exchange = 50ms}, [&](asio::ip::tcp::endpoint address) -> Task<> {
        auto idle = co_await connect(address);
        auto dripping = co_await connect(address);
        co_await send(dripping, "GET /metr");
        silent = co_await read_all(idle);
        slow = co_await read_all(dripping);
    });

    CHECK(silent.empty());
    CHECK(slow.empty());
}

TEST_CASE("a crowd of idle clients keeps nobody from being answered") {
    std::string got;

    with_server({.connections = 4, .exchange = 60s}, [&](asio::ip::tcp::endpoint address) -> Task<> {
        std::vector<Socket> idle;
        for (int i = 0; i < 20; ++i) idle.push_back(co_await connect(address));
        got = co_await ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    });

    CHECK(got.starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("a port that is taken is said, with the key that names it") {
    std::optional<Error> refusal;

    with_server({}, [&](asio::ip::tcp::endpoint address) -> Task<> {
        try {
            (void)co_await listen_http("127.0.0.1", address.port());
        } catch (const Error& error) {
            refusal = error;
        }
    });

    REQUIRE(refusal);
    CHECK(refusal->fault() == Fault::conflict);
    CHECK(refusal->remedy().find("[service] http") != std::string::npos);
}

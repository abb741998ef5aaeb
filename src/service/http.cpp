#include "service/http.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <list>
#include <memory>

#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

namespace http = boost::beast::http;
using Socket = asio::ip::tcp::socket;

HttpReply reply_to(const http::request<http::empty_body>& request, const HandleHttp& handle) {
    if (request.method() != http::verb::get && request.method() != http::verb::head)
        return {.status = 405, .body = "only GET and HEAD are answered\n"};
    const auto target = request.target();
    return handle(std::string{target.substr(0, target.find('?'))});
}

/// The answer to whatever came; nothing when the peer is gone.
Task<std::optional<http::response<http::string_body>>> answer(Socket& socket, const HandleHttp& handle,
                                                              const HttpLimits& limits) {
    boost::beast::flat_buffer buffer{limits.header_bytes};
    http::request_parser<http::empty_body> parser;
    parser.header_limit(limits.header_bytes);
    parser.body_limit(boost::none);  // it is not read
    const auto [error, bytes] = co_await http::async_read_header(socket, buffer, parser, asio::as_tuple(asio::use_awaitable));
    (void)bytes;
    if (error == http::error::end_of_stream || error == http::error::partial_message) co_return std::nullopt;
    HttpReply reply;
    bool head = false;
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        reply = {.status = 431, .body = "the request is too long\n"};
    else if (error && error.category() == http::make_error_code(http::error::bad_method).category())
        reply = {.status = 400, .body = "this is no HTTP request\n"};
    else if (error)
        co_return std::nullopt;
    else {
        head = parser.get().method() == http::verb::head;
        reply = reply_to(parser.get(), handle);
    }
    http::response<http::string_body> response{http::int_to_status(reply.status), 11};
    response.set(http::field::content_type, reply.type);
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    if (reply.status == 405) response.set(http::field::allow, "GET, HEAD");
    response.keep_alive(false);
    response.body() = std::move(reply.body);
    response.prepare_payload();
    if (head) response.body().clear();  // the length stays
    co_return response;
}

Task<> converse(Socket& socket, const HandleHttp& handle, const HttpLimits& limits) {
    auto response = co_await answer(socket, handle, limits);
    if (!response) co_return;
    (void)co_await http::async_write(socket, *response, asio::as_tuple(asio::use_awaitable));
    boost::system::error_code ignored;
    socket.shutdown(Socket::shutdown_send, ignored);
    // Closing while something of the request is unread would throw away what the peer has not taken yet: it closes first.
    std::array<char, 1024> rest{};
    for (;;) {
        const auto [error, bytes] = co_await socket.async_read_some(asio::buffer(rest), asio::as_tuple(asio::use_awaitable));
        (void)bytes;
        if (error) co_return;
    }
}

Task<> close_after(Socket& socket, std::chrono::milliseconds patience) {
    asio::steady_timer timer{co_await asio::this_coro::executor, patience};
    co_await timer.async_wait(asio::use_awaitable);
    boost::system::error_code ignored;
    socket.close(ignored);
}

struct Connection {
    explicit Connection(Socket given) : socket{std::move(given)} {}
    Socket socket;
};
using Connections = std::list<std::shared_ptr<Connection>>;

Task<> serve_connection(Connections& open, Connections::iterator place, const HandleHttp& handle, const HttpLimits& limits) {
    const auto connection = *place;
    struct Leave {
        Connections& open;
        Connections::iterator place;
        ~Leave() { open.erase(place); }
    } const leave{open, place};
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(close_after(connection->socket, limits.exchange));
        co_await converse(connection->socket, handle, limits);
        group.request_stop();
    };
    std::exception_ptr failure;
    try {
        co_await in_group(body);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && !is_stop(failure)) log_failure(LogLevel::warning, "http", error_of(failure));
}

}  // namespace

Task<asio::ip::tcp::acceptor> listen_http(std::string host, std::uint16_t port) {
    const auto executor = co_await asio::this_coro::executor;
    const auto where = host + ":" + std::to_string(port);
    asio::ip::tcp::resolver resolver{executor};
    const auto [unresolved, found] = co_await resolver.async_resolve(host, std::to_string(port), asio::ip::tcp::resolver::passive,
                                                                     asio::as_tuple(asio::use_awaitable));
    co_await check_stop();
    if (unresolved || found.empty())
        throw Error{Fault::invalid, "cannot listen on " + where + ": " + unresolved.message()}.hint(
            "Set [service] http to an address of this host, or to \"\" to turn it off.");
    const auto address = found.begin()->endpoint();
    asio::ip::tcp::acceptor acceptor{executor};
    boost::system::error_code error;
    acceptor.open(address.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address{true}, error);
    if (!error) acceptor.bind(address, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
        throw Error{error == asio::error::address_in_use ? Fault::conflict : Fault::denied,
                    "cannot listen on " + where + ": " + error.message()}
            .hint("Set [service] http to an address of this host that is free, or to \"\" to turn it off.");
    co_return acceptor;
}

Task<> serve_http(asio::ip::tcp::acceptor acceptor, HandleHttp handle, HttpLimits limits) {
    const auto executor = co_await asio::this_coro::executor;
    Connections open;
    auto body = [&](TaskGroup& group) -> Task<> {
        bool complained = false;
        for (;;) {
            auto [failed, peer] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
            if (failed == asio::error::operation_aborted) throw Error{Fault::cancelled, "stopped on request"};
            if (failed) {
                // No descriptor is left, or a client went away before it was met.
                if (!std::exchange(complained, true))
                    log(LogLevel::warning, "http", "accepting a connection: " + failed.message());
                asio::steady_timer pause{executor, limits.accept_pause};
                co_await pause.async_wait(asio::use_awaitable);
                continue;
            }
            complained = false;
            if (open.size() >= limits.connections) {
                boost::system::error_code ignored;
                for (auto& oldest : open) {
                    if (!oldest->socket.is_open()) continue;  // on its way out
                    oldest->socket.close(ignored);
                    break;
                }
            }
            open.push_back(std::make_shared<Connection>(std::move(peer)));
            group.spawn(serve_connection(open, std::prev(open.end()), handle, limits));
        }
    };
    co_await in_group(body);
}

}  // namespace varve

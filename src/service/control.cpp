#include "service/control.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <deque>

#include "varve/error.hpp"
#include "varve/log.hpp"

namespace varve {

namespace {

using Socket = asio::local::stream_protocol::socket;
using json = nlohmann::json;

constexpr std::size_t line_bytes_max = 4U << 20;

Error unreachable(const boost::system::error_code& error, const std::string& what) {
    return Error{Fault::unreachable, what + ": " + error.message()};
}

/// One line without its newline; nothing when the peer closed first.
Task<std::optional<std::string>> read_line(Socket& socket, std::string& buffer) {
    auto [error, length] = co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer, line_bytes_max), '\n',
                                                           asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof || error == asio::error::connection_reset) co_return std::nullopt;
    if (error == asio::error::operation_aborted) throw Error{Fault::cancelled, "stopped on request"};
    if (error) throw unreachable(error, "reading from the control socket");
    auto line = buffer.substr(0, length - 1);
    buffer.erase(0, length);
    co_return line;
}

Task<> write_line(Socket& socket, json document) {
    const auto text = document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    auto [error, length] = co_await asio::async_write(socket, asio::buffer(text), asio::as_tuple(asio::use_awaitable));
    (void)length;
    if (error == asio::error::operation_aborted) throw Error{Fault::cancelled, "stopped on request"};
    if (error) throw unreachable(error, "writing to the control socket");
}

Peer peer_of(Socket& socket) {
    ::ucred credentials{};
    ::socklen_t length = sizeof credentials;
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0)
        throw Error{Fault::denied, "the control socket's peer has no credentials"};
    return {.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

/// Progress lines wait here, so that the command never waits for its reader; the newest one replaces what was not sent.
struct Outbox {
    explicit Outbox(asio::any_io_executor executor) : changed{executor} {}
    std::optional<json> progress;
    std::optional<json> reply;
    Signal changed;
};

Task<> run_command(const HandleCommand& handle, std::string line, Peer peer, std::shared_ptr<Outbox> outbox) {
    auto request = json::parse(line, nullptr, false);
    if (!request.is_object() || !request.contains("command") || !request["command"].is_string())
        throw Error{Fault::invalid, "a control request must be one line of JSON with a command"};
    auto send_progress = [outbox](const json& progress) {
        outbox->progress = progress;
        outbox->changed.notify();
    };
    outbox->reply = co_await handle(request["command"], request.value("arguments", json::object()), peer, send_progress);
    outbox->changed.notify();
}

Task<> send_outbox(Socket& socket, std::shared_ptr<Outbox> outbox) {
    for (;;) {
        if (auto progress = std::exchange(outbox->progress, std::nullopt)) {
            co_await write_line(socket, {{"progress", *progress}});
        } else if (outbox->reply) {
            co_await write_line(socket, {{"reply", *outbox->reply}});
            break;
        } else {
            co_await outbox->changed.wait();
        }
    }
    // The client closes after the reply; its end of file would look like a hang-up to watch_peer, which ends the group cleanly.
}

/// Ends by throwing when the client hangs up: its command is cancelled with it.
Task<> watch_peer(Socket& socket, std::string& buffer, std::shared_ptr<Outbox> outbox) {
    const auto more = co_await read_line(socket, buffer);
    if (!outbox->reply && !more) throw Error{Fault::cancelled, "the client went away"};
}

Task<> converse(Socket socket, const HandleCommand& handle) {
    std::string buffer;
    const auto peer = peer_of(socket);
    auto line = co_await read_line(socket, buffer);
    if (!line) co_return;
    auto outbox = std::make_shared<Outbox>(co_await asio::this_coro::executor);
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(run_command(handle, std::move(*line), peer, outbox));
        group.spawn(watch_peer(socket, buffer, outbox));
        co_await send_outbox(socket, outbox);
        group.request_stop();
    };
    co_await in_group(body);
}

Task<> converse_and_report(Socket socket, const HandleCommand& handle) {
    try {
        co_await converse(std::move(socket), handle);
    } catch (const Error& error) {
        if (error.fault() != Fault::cancelled) log_failure(LogLevel::warning, "control", error);
    }
}

/// True when a service answers on `path`.
Task<bool> answers(const std::filesystem::path& path) {
    Socket probe{co_await asio::this_coro::executor};
    auto [error] = co_await probe.async_connect({path.string()}, asio::as_tuple(asio::use_awaitable));
    co_return !error;
}

}  // namespace

Task<> serve_control(std::filesystem::path socket, HandleCommand handle) {
    const auto executor = co_await asio::this_coro::executor;
    if (std::filesystem::exists(socket)) {
        if (co_await answers(socket))
            throw Error{Fault::conflict, "another varve service answers on " + socket.string()}
                .code("busy", 11)
                .hint("Stop it first, or give this one another socket in [service].");
        std::filesystem::remove(socket);
    }
    std::error_code ignored;  // an unwritable folder shows at bind, with its name
    std::filesystem::create_directories(socket.parent_path(), ignored);
    asio::local::stream_protocol::acceptor acceptor{executor};
    boost::system::error_code error;
    acceptor.open();
    // Everyone may connect: who may do what is decided by the peer's credentials.
    const auto old_mask = ::umask(0);
    acceptor.bind({socket.string()}, error);
    ::umask(old_mask);
    if (error)
        throw Error{Fault::denied, "cannot listen on " + socket.string() + ": " + error.message()}.hint(
            "Set [service] socket to a path whose folder this user may write to.");
    acceptor.listen();

    auto body = [&](TaskGroup& group) -> Task<> {
        for (;;) {
            auto [failed, peer] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
            if (failed == asio::error::operation_aborted) throw Error{Fault::cancelled, "stopped on request"};
            if (failed) throw unreachable(failed, "accepting on " + socket.string());
            group.spawn(converse_and_report(std::move(peer), handle));
        }
    };
    std::exception_ptr ended;
    try {
        co_await in_group(body);
    } catch (...) {
        ended = std::current_exception();
    }
    std::filesystem::remove(socket, ignored);
    if (ended) std::rethrow_exception(ended);
}

Task<std::optional<json>> call_service(std::filesystem::path path, std::string command, json arguments,
                                       SendProgress on_progress) {
    Socket socket{co_await asio::this_coro::executor};
    auto [error] = co_await socket.async_connect({path.string()}, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::operation_aborted) throw Error{Fault::cancelled, "stopped on request"};
    if (error) co_return std::nullopt;
    co_await write_line(socket, {{"schema", 1}, {"command", command}, {"arguments", arguments}});
    std::string buffer;
    while (auto line = co_await read_line(socket, buffer)) {
        auto message = json::parse(*line, nullptr, false);
        if (message.contains("reply")) co_return message["reply"];
        if (on_progress && message.contains("progress")) on_progress(message["progress"]);
    }
    throw Error{Fault::unreachable, "the service hung up before it answered " + command}.hint(
        "It may have been stopped: look at its log, then run the command again.");
}

}  // namespace varve

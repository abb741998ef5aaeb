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

constexpr std::size_t reply_bytes_max = 64U << 20;

Error unreachable(const boost::system::error_code& error, const std::string& what) {
    return Error{Fault::unreachable, what + ": " + error.message()};
}

/// One line without its newline; nothing when the peer closed first.
Task<std::optional<std::string>> read_line(Socket& socket, std::string& buffer, std::size_t bytes_max) {
    auto [error, length] = co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer, bytes_max), '\n',
                                                           asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::not_found)
        throw Error{Fault::invalid, "a line on the control socket is longer than " + std::to_string(bytes_max) + " bytes"};
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
    Peer peer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid, .groups = std::vector<gid_t>(1024)};
    ::socklen_t bytes = static_cast<::socklen_t>(peer.groups.size() * sizeof(gid_t));
    const bool told = ::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &bytes) == 0;
    peer.groups.resize(told ? bytes / sizeof(gid_t) : 0);  // unknown: the primary group alone counts
    return peer;
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
Task<> watch_peer(Socket& socket, std::string& buffer, std::size_t bytes_max, std::shared_ptr<Outbox> outbox) {
    const auto more = co_await read_line(socket, buffer, bytes_max);
    if (!outbox->reply && !more) throw Error{Fault::cancelled, "the client went away"};
}

Task<> give_up_after(std::chrono::steady_clock::duration patience) {
    asio::steady_timer timer{co_await asio::this_coro::executor, patience};
    co_await timer.async_wait(asio::use_awaitable);
    throw Error{Fault::overloaded, "a client connected and sent no request in time"};
}

Task<std::optional<std::string>> read_request(Socket& socket, std::string& buffer, const ControlLimits& limits) {
    std::optional<std::string> line;
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(give_up_after(limits.first_line));
        line = co_await read_line(socket, buffer, limits.request_bytes);
        group.request_stop();
    };
    co_await in_group(body);
    co_return line;
}

Task<> converse(Socket& socket, const HandleCommand& handle, const ControlLimits& limits) {
    std::string buffer;
    const auto peer = peer_of(socket);
    auto line = co_await read_request(socket, buffer, limits);
    if (!line) co_return;
    auto outbox = std::make_shared<Outbox>(co_await asio::this_coro::executor);
    auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(run_command(handle, std::move(*line), peer, outbox));
        group.spawn(watch_peer(socket, buffer, limits.request_bytes, outbox));
        co_await send_outbox(socket, outbox);
        group.request_stop();
    };
    co_await in_group(body);
}

/// Whatever a connection ends with, it ends that connection alone. `share`: its place among those that are answered.
Task<> converse_and_report(Socket socket, const HandleCommand& handle, const ControlLimits& limits, Budget::Share share) {
    const auto held = std::move(share);
    std::exception_ptr failure;
    try {
        co_await converse(socket, handle, limits);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure && !is_stop(failure)) log_failure(LogLevel::warning, "control", error_of(failure));
}

/// True when a service answers on `path`.
Task<bool> answers(const std::filesystem::path& path) {
    Socket probe{co_await asio::this_coro::executor};
    auto [error] = co_await probe.async_connect({path.string()}, asio::as_tuple(asio::use_awaitable));
    co_return !error;
}

/// Everyone may enter the folder and connect: who may do what is decided by the peer's credentials. The process runs with umask
/// 0077, so both are opened by name; a folder that was there before keeps its mode.
asio::local::stream_protocol::acceptor listen_on(const std::filesystem::path& socket, const asio::any_io_executor& executor) {
    std::error_code ignored;  // an unwritable folder shows at bind, with its name
    if (std::filesystem::create_directories(socket.parent_path(), ignored)) ::chmod(socket.parent_path().c_str(), 0755);
    asio::local::stream_protocol::acceptor acceptor{executor};
    boost::system::error_code error;
    acceptor.open();
    acceptor.bind({socket.string()}, error);
    if (!error && ::chmod(socket.c_str(), 0666) != 0) error.assign(errno, boost::system::system_category());
    if (error)
        throw Error{Fault::denied, "cannot listen on " + socket.string() + ": " + error.message()}.hint(
            "Set [service] socket to a path whose folder this user may write to.");
    acceptor.listen();
    return acceptor;
}

}  // namespace

Task<> serve_control(std::filesystem::path socket, HandleCommand handle, ControlLimits limits) {
    const auto executor = co_await asio::this_coro::executor;
    if (std::filesystem::exists(socket)) {
        if (co_await answers(socket))
            throw Error{Fault::conflict, "another varve service answers on " + socket.string()}
                .code("busy", 11)
                .hint("Stop it first, or give this one another socket in [service].");
        std::filesystem::remove(socket);
    }
    auto acceptor = listen_on(socket, executor);
    Budget places{executor, limits.connections};
    auto body = [&](TaskGroup& group) -> Task<> {
        bool complained = false;
        for (;;) {
            auto share = co_await places.take(1);
            auto [failed, peer] = co_await acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
            if (failed == asio::error::operation_aborted) throw Error{Fault::cancelled, "stopped on request"};
            if (!failed) {
                group.spawn(converse_and_report(std::move(peer), handle, limits, std::move(share)));
                complained = false;
                continue;
            }
            // No descriptor is left, or a client went away before it was met: neither is a reason to stop archiving.
            if (!std::exchange(complained, true))
                log_failure(LogLevel::warning, "control", unreachable(failed, "accepting on " + socket.string()));
            asio::steady_timer pause{executor, limits.accept_pause};
            co_await pause.async_wait(asio::use_awaitable);
        }
    };
    std::error_code ignored;
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
    if (error == asio::error::try_again)
        throw Error{Fault::overloaded, "the service on " + path.string() + " has too many clients"}.hint("Try again later.");
    if (error) co_return std::nullopt;
    co_await write_line(socket, {{"schema", 1}, {"command", command}, {"arguments", arguments}});
    std::string buffer;
    while (auto line = co_await read_line(socket, buffer, reply_bytes_max)) {
        auto message = json::parse(*line, nullptr, false);
        if (message.contains("reply")) co_return message["reply"];
        if (on_progress && message.contains("progress")) on_progress(message["progress"]);
    }
    throw Error{Fault::unreachable, "the service hung up before it answered " + command}.hint(
        "It may have been stopped: look at its log, then run the command again.");
}

}  // namespace varve

/// A small HTTP server for what anyone may read: one request a connection, answered from memory. A slow or hostile client costs a
/// place for a few seconds, and when the places are taken the oldest connection goes.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "varve/async.hpp"

namespace varve {

struct HttpReply {
    unsigned status = 200;
    std::string type = "text/plain; charset=utf-8";
    std::string body;
};
/// Answers GET `path` (without the query) at once.
using HandleHttp = std::function<HttpReply(std::string path)>;

struct HttpLimits {
    std::size_t connections = 32;               ///< at once; a further one ends the oldest
    std::chrono::milliseconds exchange{5'000};  ///< for the request to arrive and the answer to be taken
    std::uint32_t header_bytes = 8 << 10;
    std::chrono::milliseconds accept_pause{500};  ///< after an accept that failed (no descriptor left)
};

/// Listens on the first address of `host`. Fault::conflict when the port is taken, else Fault::invalid or denied.
Task<asio::ip::tcp::acceptor> listen_http(std::string host, std::uint16_t port);

/// Until cancelled. What goes wrong with a connection ends that one, without a word. io thread.
Task<> serve_http(asio::ip::tcp::acceptor acceptor, HandleHttp handle, HttpLimits limits = {});

}  // namespace varve

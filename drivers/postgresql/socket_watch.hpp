/// Waits for a socket that a client library owns, without taking it over.
#pragma once

#include <chrono>
#include <memory>

#include "varve/async.hpp"

namespace varve::postgresql {

/// Watches a duplicate of the descriptor: the library may close its own at any time, and the number may then be another file's.
/// The socket is really closed when both are. io thread only.
class SocketWatch {
public:
    SocketWatch(asio::any_io_executor executor, int descriptor);
    ~SocketWatch();
    SocketWatch(const SocketWatch&) = delete;
    SocketWatch& operator=(const SocketWatch&) = delete;

    /// Ends when the socket is readable or hung up, or wake() was called: true; when `pause` has passed: false.
    /// A caller reads what there is before it waits again. Fault::cancelled when stopped.
    Task<bool> readable(std::chrono::microseconds pause);
    /// As readable(), for room to send.
    Task<bool> writable(std::chrono::microseconds pause);
    void wake();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace varve::postgresql

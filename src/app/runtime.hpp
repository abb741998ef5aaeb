/// The threads of the program and the way a command is run on them: one io thread, three pools, signals that cancel.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>

#include "varve/async.hpp"
#include "varve/clock.hpp"

namespace varve {

class Runtime {
public:
    /// `workers`: threads of the cpu pool; 0: as many as cores.
    explicit Runtime(unsigned workers);
    ~Runtime();

    asio::io_context& io() noexcept { return io_; }
    Pools& pools() noexcept { return pools_; }
    Clock& clock() noexcept { return clock_; }

    /// Runs `task` on the io thread (the caller's) to its end and rethrows what it throws. SIGINT and SIGTERM cancel it; a second
    /// one ends the process at once. `on_hangup`, when given, is called for each SIGHUP.
    void run(Task<> task, std::function<void()> on_hangup = {});
    /// The signal that cancelled the task, or 0.
    int signal() const noexcept { return signal_; }

private:
    asio::io_context io_;
    asio::thread_pool cpu_;
    asio::thread_pool log_{1};
    asio::thread_pool blocking_{8};
    Pools pools_;
    SystemClock clock_;
    int signal_ = 0;
};

}  // namespace varve

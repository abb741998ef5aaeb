#include "app/runtime.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>
#include <optional>
#include <thread>

namespace varve {

namespace {

std::size_t workers_or_cores(unsigned workers) {
    return workers > 0 ? workers : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

Runtime::Runtime(unsigned workers)
    : io_{1}, cpu_{workers_or_cores(workers)}, pools_{.cpu = cpu_, .log = log_, .blocking = blocking_} {
    // A peer that hangs up is an error of one connection, never the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
}

Runtime::~Runtime() {
    cpu_.join();
    log_.join();
    blocking_.join();
}

void Runtime::run(Task<> task, std::function<void()> on_hangup) {
    asio::cancellation_signal stop;
    asio::signal_set signals{io_, SIGINT, SIGTERM};
    asio::signal_set hangups{io_};
    std::exception_ptr failure;

    std::function<void(const boost::system::error_code&, int)> stopped = [&](const boost::system::error_code& error, int number) {
        if (error) return;
        if (signal_ != 0) ::_exit(128 + number);  // asked twice: the caller does not want to wait for a clean end
        signal_ = number;
        stop.emit(asio::cancellation_type::terminal);
        signals.async_wait(stopped);
    };
    std::function<void(const boost::system::error_code&, int)> hung_up = [&](const boost::system::error_code& error, int) {
        if (error) return;
        on_hangup();
        hangups.async_wait(hung_up);
    };
    signals.async_wait(stopped);
    if (on_hangup) {
        hangups.add(SIGHUP);
        hangups.async_wait(hung_up);
    }

    auto finished = [&](std::exception_ptr error) {
        failure = error;
        signals.cancel();
        hangups.cancel();
    };
    asio::co_spawn(io_, std::move(task), asio::bind_cancellation_slot(stop.slot(), finished));
    io_.run();
    io_.restart();
    if (failure) std::rethrow_exception(failure);
}

}  // namespace varve

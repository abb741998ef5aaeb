/// Runs one task to its end in a test, and gives what it returned or threw.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "varve/async.hpp"

namespace varve::test {

/// Turns `io` until `task` has ended. Other work of `io` goes on meanwhile, and stays for the next call.
/// A task that waits for something nobody will do throws here once `io` has run dry; with pools, `io` stays busy.
template <class T>
T run(asio::io_context& io, Task<T> task) {
    using Held = std::conditional_t<std::is_void_v<T>, bool, T>;
    struct End {
        bool came = false;
        std::exception_ptr failure;
        std::optional<Held> value;
    };
    auto end = std::make_shared<End>();
    if constexpr (std::is_void_v<T>) {
        asio::co_spawn(io, std::move(task), [end](std::exception_ptr failure) {
            end->came = true;
            end->failure = std::move(failure);
        });
    } else {
        // The value travels beside the completion: Boost 1.81 wants a default constructor from what it returns itself.
        auto keep = [](Task<T> inner, std::shared_ptr<End> at) -> Task<> { at->value.emplace(co_await std::move(inner)); };
        asio::co_spawn(io, keep(std::move(task), end), [end](std::exception_ptr failure) {
            end->came = true;
            end->failure = std::move(failure);
        });
    }
    io.restart();
    while (!end->came && io.run_one() > 0) {
    }
    if (!end->came) throw std::logic_error{"the task waits for something that nobody will do"};
    if (end->failure) std::rethrow_exception(end->failure);
    if constexpr (!std::is_void_v<T>) return std::move(*end->value);
}

template <class T>
T run(Task<T> task) {
    asio::io_context io;
    return run(io, std::move(task));
}

/// Small pools for a test; their threads have ended when this ends. Declare it behind the io_context, which must outlive it:
/// a pool's thread is still inside the loop's post() when the loop already runs what it posted.
struct TestPools {
    asio::thread_pool cpu_threads{2}, log_threads{1}, blocking_threads{2};
    Pools pools{cpu_threads, log_threads, blocking_threads};
    TestPools() = default;
    ~TestPools() {
        cpu_threads.join();
        log_threads.join();
        blocking_threads.join();
    }
};

}  // namespace varve::test

/// A clock whose hands the test turns.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "varve/async.hpp"
#include "varve/clock.hpp"

namespace varve::test {

class ManualClock final : public Clock {
public:
    /// Starts at 2026-11-23T02:00:00Z unless told otherwise.
    explicit ManualClock(asio::any_io_executor executor, Instant start = from_rfc3339("2026-11-23T02:00:00Z"))
        : changed_{std::move(executor)}, now_{start} {}

    Instant now() const override { return now_; }
    Task<> sleep_until(Instant when) override {
        co_await check_stop();
        ++sleepers_;
        struct Leave {
            int& count;
            ~Leave() { --count; }
        } const leave{sleepers_};
        if (steps_by_itself_ && when > now_) set(when);
        while (now_ < when) co_await changed_.wait();
    }

    void set(Instant now) {
        now_ = now;
        changed_.notify();
    }
    void advance(std::chrono::microseconds by) { set(now_ + by); }
    /// From now on a sleep takes no time and turns the hands itself: for code that backs off between tries.
    void step_by_itself() { steps_by_itself_ = true; }
    /// How many tasks sleep now: something a test can wait for.
    int sleepers() const noexcept { return sleepers_; }

private:
    Signal changed_;
    Instant now_;
    int sleepers_ = 0;
    bool steps_by_itself_ = false;
};

}  // namespace varve::test

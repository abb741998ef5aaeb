/// How long to wait before the next try. Pure: it knows no clock and draws no random number.
#pragma once

#include <chrono>

namespace varve {

struct BackoffRule {
    std::chrono::microseconds first = std::chrono::milliseconds{200};
    std::chrono::microseconds longest = std::chrono::seconds{30};
};

/// Doubles from `first` to `longest`. A value, one for each thing that is tried.
class Backoff {
public:
    explicit Backoff(BackoffRule rule = {}) : rule_{rule} {}

    void succeeded() noexcept { failures_ = 0; }
    void failed() noexcept { ++failures_; }
    unsigned failures() const noexcept { return failures_; }
    /// The pause after the failures so far; none after a success. `chance` in [0, 1) spreads many callers over the upper
    /// half of it, so that they do not come back together.
    std::chrono::microseconds pause(double chance) const noexcept;

private:
    BackoffRule rule_;
    unsigned failures_ = 0;
};

}  // namespace varve

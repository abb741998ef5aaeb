/// When somebody is told how a source is: once when it turns bad and that lasts, once when it is good again, and again each day
/// while it is bad. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "varve/clock.hpp"

namespace varve {

/// The state that varve status shows, as it matters here.
enum class Health { good, stale, failed, unknown };

enum class NoticeEvent { failure, stale, recovery };
std::string_view name_of(NoticeEvent event) noexcept;

struct NoticeRules {
    // How long a state must last: what passes by itself is no news.
    std::chrono::microseconds failed_for = std::chrono::seconds{10};
    std::chrono::microseconds unknown_for = std::chrono::minutes{2};
    std::chrono::microseconds stale_for = std::chrono::minutes{5};
    std::chrono::microseconds good_for = std::chrono::seconds{30};
    std::chrono::microseconds remind_every = std::chrono::hours{24};  ///< while it is red
};

/// One source, as one receiver knows it.
struct NoticeState {
    Health told = Health::good;  ///< good, stale or failed: by the last notice that was taken
    Instant told_at{};           ///< when
    Health seen = Health::good;
    Instant since{};  ///< it has been so (failed and unknown count as one)
};

/// What a receiver wants to hear.
struct NoticeWishes {
    bool failure = true, stale = true, recovery = true;
};

struct DueNotice {
    NoticeEvent event = NoticeEvent::failure;
    bool reminder = false;
};

/// Takes in how it is now, and gives what is to be told, if anything. The answer stays the same until told() or a change: a
/// notice that could not be sent is due again, and one that is no longer true is not sent.
std::optional<DueNotice> observe(NoticeState& state, Health health, Instant now, const NoticeWishes& wishes,
                                 const NoticeRules& rules = {});
/// It was taken.
void told(NoticeState& state, const DueNotice& notice, Instant now);

}  // namespace varve

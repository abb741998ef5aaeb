#include "policy/notice_rules.hpp"

namespace varve {

namespace {

bool is_bad(Health health) { return health == Health::failed || health == Health::unknown; }
bool alike(Health one, Health other) { return one == other || (is_bad(one) && is_bad(other)); }

std::chrono::microseconds must_last(Health health, const NoticeRules& rules) {
    switch (health) {
        case Health::good:
            return rules.good_for;
        case Health::stale:
            return rules.stale_for;
        case Health::failed:
            return rules.failed_for;
        case Health::unknown:
            break;
    }
    return rules.unknown_for;
}

}  // namespace

std::string_view name_of(NoticeEvent event) noexcept {
    switch (event) {
        case NoticeEvent::failure:
            return "failure";
        case NoticeEvent::stale:
            return "stale";
        case NoticeEvent::recovery:
            break;
    }
    return "recovery";
}

std::optional<DueNotice> observe(NoticeState& state, Health health, Instant now, const NoticeWishes& wishes,
                                 const NoticeRules& rules) {
    if (!alike(state.seen, health) || now < state.since) state.since = now;  // the clock may have been set back
    state.seen = health;
    if (now - state.since < must_last(health, rules)) return {};
    if (health == Health::good) {
        if (state.told == Health::good) return {};
        if (wishes.recovery) return DueNotice{.event = NoticeEvent::recovery};
        state.told = Health::good;
        return {};
    }
    if (health == Health::stale) {
        // What was red and is yellow has not recovered, and is no news either.
        if (state.told != Health::good || !wishes.stale) return {};
        return DueNotice{.event = NoticeEvent::stale};
    }
    if (!wishes.failure) return {};
    if (state.told != Health::failed) return DueNotice{.event = NoticeEvent::failure};
    if (now - state.told_at < rules.remind_every) return {};
    return DueNotice{.event = NoticeEvent::failure, .reminder = true};
}

void told(NoticeState& state, const DueNotice& notice, Instant now) {
    state.told = notice.event == NoticeEvent::failure ? Health::failed
                 : notice.event == NoticeEvent::stale ? Health::stale
                                                      : Health::good;
    state.told_at = now;
}

}  // namespace varve

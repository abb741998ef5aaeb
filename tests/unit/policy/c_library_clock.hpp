/// What the C library says a wall clock shows: an oracle that shares no code with policy/zone.
#pragma once

#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>

#include "varve/clock.hpp"

namespace varve::test {

/// Sets TZ for its life. Tests run one at a time.
class CLibraryClock {
public:
    explicit CLibraryClock(const std::string& zone) {
        if (const char* value = std::getenv("TZ")) before_ = value;
        set(zone);
    }
    ~CLibraryClock() {
        if (before_) {
            set(*before_);
        } else {
            unsetenv("TZ");
            tzset();
        }
    }
    CLibraryClock(const CLibraryClock&) = delete;
    CLibraryClock& operator=(const CLibraryClock&) = delete;

    std::tm wall(Instant when) const {
        const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count();
        std::tm shown{};
        localtime_r(&seconds, &shown);
        return shown;
    }
    std::string print(Instant when, const char* format) const {
        const auto shown = wall(when);
        char text[64];
        return {text, std::strftime(text, sizeof text, format, &shown)};
    }

private:
    static void set(const std::string& zone) {
        setenv("TZ", zone.c_str(), 1);
        tzset();
    }
    std::optional<std::string> before_;
};

}  // namespace varve::test

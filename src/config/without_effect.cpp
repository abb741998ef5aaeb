#include <algorithm>
#include <array>

#include "config/config.hpp"

namespace varve {

namespace {

struct Later {
    std::string_view section;  ///< how it begins
    std::string_view key;      ///< how it begins
    std::string_view what;     ///< brings it
};

/// A line goes when its feature comes.
constexpr std::array later{
    Later{"[[source]]", "checks", "drills"},
    Later{"[[source]]", "hooks.", "the complete service"},
    Later{"[[source]]", "read_rate", "the complete service"},
    Later{"[[source]]", "retain_at_source", "the complete service"},
    Later{"[[source]]", "schedule.drill", "drills"},
    Later{"[schedule]", "drill", "drills"},
    Later{"[limits]", "upload_rate", "the complete service"},
    Later{"[log]", "format", "the complete service"},
};

/// Turned off is what it is in this version anyway.
bool is_off(const EffectiveValue& value) {
    return value.value == "\"\"" || value.value == "\"unlimited\"" || value.value == "[]";
}

}  // namespace

std::vector<ConfigProblem> without_effect(const Config& config) {
    std::vector<ConfigProblem> notices;
    const auto note = [&](const std::string& place, std::string_view key, std::string_view what) {
        notices.push_back(
            {place, "`" + std::string{key} + "` has no effect in this version", "It comes with " + std::string{what} + "."});
    };
    for (const auto& value : config.effective)
        for (const auto& [section, key, what] : later)
            if (value.section.starts_with(section) && value.key.starts_with(key) && value.place != "default" && !is_off(value))
                note(value.place, value.key, what);
    return notices;
}

}  // namespace varve

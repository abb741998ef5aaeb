#include "policy/backoff.hpp"

#include <algorithm>
#include <cstdint>

namespace varve {

std::chrono::microseconds Backoff::pause(double chance) const noexcept {
    if (failures_ == 0) return {};
    auto whole = std::min(rule_.first, rule_.longest);
    for (unsigned doubled = 1; doubled < failures_ && whole < rule_.longest; ++doubled)
        whole = std::min(whole * 2, rule_.longest);
    const auto half = whole / 2;
    const auto spread = static_cast<double>(half.count()) * std::clamp(chance, 0.0, 1.0);
    return whole - half + std::chrono::microseconds{static_cast<std::int64_t>(spread)};
}

}  // namespace varve

/// The known word that somebody most likely wanted to write.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace varve {

/// The nearest of `known` by single-letter edits (a swap of neighbours is one), or nothing when none is near.
std::optional<std::string> did_you_mean(std::string_view typed, const std::vector<std::string>& known);

}  // namespace varve

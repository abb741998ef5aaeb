#include "base/did_you_mean.hpp"

#include <algorithm>

namespace varve {

namespace {

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
std::size_t edits_between(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
            cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + differs});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[a.size()][b.size()];
}

constexpr std::size_t word_bytes_max = 64;

}  // namespace

std::optional<std::string> did_you_mean(std::string_view typed, const std::vector<std::string>& known) {
    std::optional<std::string> nearest;
    if (typed.size() > word_bytes_max) return nearest;
    auto fewest = std::max<std::size_t>(typed.size() / 3, 1) + 1;  // a third of the letters may be wrong
    for (const auto& word : known) {
        const auto edits = edits_between(typed, word);
        if (edits >= fewest) continue;
        fewest = edits;
        nearest = word;
    }
    return nearest;
}

}  // namespace varve

#include "cli/did_you_mean.hpp"

#include <algorithm>
#include <cstddef>

namespace varve::cli {
namespace {

/// Optimal string alignment: inserts, removals, replacements and swaps of neighbours each cost one.
std::size_t edits_between(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        now[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t differs = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + differs});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
        }
        before.swap(last);
        last.swap(now);
    }
    return last[b.size()];
}

}  // namespace

std::optional<std::string> did_you_mean(std::string_view typed, const std::vector<std::string>& known) {
    std::optional<std::string> nearest;
    // A third of the letters may be wrong, and at least one; beyond that a guess confuses more than it helps.
    std::size_t edits_max = std::max<std::size_t>(1, typed.size() / 3);
    for (const auto& word : known) {
        const auto edits = edits_between(typed, word);
        if (edits > edits_max || (nearest && edits == edits_max)) continue;
        nearest = word;
        edits_max = edits;
    }
    return nearest;
}

}  // namespace varve::cli

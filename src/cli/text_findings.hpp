/// Findings as lines, for every command that has some. Private to text_*.cpp.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "varve/driver.hpp"

namespace varve::cli {

/// "  error: the slot is lost" and below it "         Recreate it.": one or two lines each, `indent` before them.
std::string findings_text(const std::vector<Finding>& findings, const std::string& indent);
/// The first finding that is an error, or nullptr.
const Finding* first_error(const std::vector<Finding>& findings) noexcept;

/// The texts of names, for lists in a line.
template <class N>
std::vector<std::string> texts_of(const std::vector<N>& names) {
    std::vector<std::string> texts;
    for (const auto& name : names) texts.push_back(name.text());
    return texts;
}

}  // namespace varve::cli

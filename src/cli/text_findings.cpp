#include "cli/text_findings.hpp"

#include "cli/format_text.hpp"

namespace varve::cli {

std::string findings_text(const std::vector<Finding>& findings, const std::string& indent) {
    std::string text;
    for (const auto& finding : findings) {
        const std::string level = finding.level == Finding::Level::error     ? "error: "
                                  : finding.level == Finding::Level::warning ? "warning: "
                                                                             : "note: ";
        text += indent + level + printable(finding.what) + "\n";
        if (!finding.remedy.empty()) text += indent + std::string(level.size(), ' ') + printable(finding.remedy) + "\n";
    }
    return text;
}

const Finding* first_error(const std::vector<Finding>& findings) noexcept {
    const auto is_error = [](const Finding& finding) { return finding.level == Finding::Level::error; };
    const auto found = std::find_if(findings.begin(), findings.end(), is_error);
    return found == findings.end() ? nullptr : &*found;
}

}  // namespace varve::cli

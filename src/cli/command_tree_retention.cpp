#include <charconv>

#include "cli/command_tree.hpp"
#include "cli/options.hpp"

namespace varve::cli {

namespace {

/// A year and a day: what is kept longer changes with the backups to come.
constexpr int days_max = 366;

}  // namespace

void CommandTree::add_retention() {
    auto& retention = group("retention", "What is kept, and how long");
    auto [plan, plan_request] =
        command<RetentionPlanRequest>(retention, "plan", "What will be deleted, when and why, before it is; deletes nothing");
    add_text(*plan, "SOURCE", "", plan_request->source, "Only this source");
    const auto take_days = [request = plan_request](const std::string& text) {
        int days = 0;
        const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), days);
        if (failed != std::errc{} || end != text.data() + text.size() || days < 0 || days > days_max)
            throw usage_error("--days " + text + " is no number of days", "Write a number from 0 to 366.");
        request->days = days;
    };
    plan->add_option_function<std::string>("--days", take_days, "Look so many days ahead [30]")->type_name("N");
}

}  // namespace varve::cli

#include "cli/help_format.hpp"

#include <utility>

namespace varve::cli {

HelpFormat::HelpFormat() {
    column_width(30);
    label("Positionals", "Arguments");
    label("Subcommands", "Commands");
    label("SUBCOMMAND", "COMMAND");
    label("REQUIRED", "");
}

std::string HelpFormat::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
    return make_description(app) + make_usage(app, std::move(name)) + make_positionals(app) + groups_text(*app) +
           make_subcommands(app, mode) + "\n" + make_footer(app);
}

std::string HelpFormat::groups_text(const CLI::App& app) const {
    std::string own, common;
    for (const auto& group : app.get_groups()) {
        const auto in_group = [&](const CLI::Option* option) { return option->get_group() == group && option->nonpositional(); };
        const auto options = app.get_options(in_group);
        if (!group.empty() && !options.empty()) (group == everywhere ? common : own) += make_group(group, false, options);
    }
    return own + common;
}

}  // namespace varve::cli

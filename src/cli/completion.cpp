#include "cli/completion.hpp"

#include <algorithm>
#include <map>

#include "cli/command_tree.hpp"
#include "cli/completion_pages.hpp"
#include "cli/options.hpp"

namespace varve::cli {
namespace {

std::vector<std::string> values_of(const std::string& option) {
    static const std::map<std::string, std::vector<std::string>> known{{"--action", {"pause", "promote", "shutdown"}},
                                                                       {"--role", {"archive", "maintain", "restore", "admin"}},
                                                                       {"--level", {"0", "1", "2"}}};
    const auto found = known.find(option);
    return found == known.end() ? std::vector<std::string>{} : found->second;
}

void collect(const CLI::App& app, CompletionPages& pages) {
    CompletionPage page{.words = words_of(app), .commands = {}, .options = {}, .arguments = {}};
    for (const auto* option : app.get_options())
        for (const auto& name : option->get_lnames()) {
            const auto word = "--" + name;
            page.options.push_back({word, option->get_description(), option->get_expected_min() > 0, values_of(word)});
        }
    for (const auto* command : commands_of(app)) page.commands.push_back({command->get_name(), command->get_description()});
    if (page.words == "completion") page.arguments = {"bash", "zsh", "fish"};
    pages.push_back(std::move(page));
    for (const auto* command : commands_of(app)) collect(*command, pages);
}

}  // namespace

std::vector<std::string> options_with_value(const CompletionPages& pages) {
    std::vector<std::string> names;
    for (const auto& page : pages)
        for (const auto& option : page.options)
            if (option.takes_value) names.push_back(option.word);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::vector<OptionChoice> options_with_choices(const CompletionPages& pages) {
    std::map<std::string, OptionChoice> found;
    for (const auto& page : pages)
        for (const auto& option : page.options)
            if (!option.values.empty()) found.emplace(option.word, option);
    std::vector<OptionChoice> all;
    for (const auto& [word, option] : found) all.push_back(option);
    return all;
}

std::string all_commands(const CompletionPages& pages) {
    std::string all;
    for (const auto& page : pages)
        if (!page.words.empty()) all += (all.empty() ? "\"" : "|\"") + page.words + "\"";
    return all;
}

std::string quoted(const std::string& text) {
    std::string safe{"'"};
    for (const char c : text) safe += c == '\'' ? std::string{"'\\''"} : std::string{c};
    return safe + "'";
}

std::string completion_script(const std::string& shell) {
    const CommandTree tree;
    CompletionPages pages;
    collect(tree.root(), pages);
    if (shell == "bash") return bash_script(pages);
    if (shell == "zsh") return zsh_script(pages);
    if (shell == "fish") return fish_script(pages);
    throw usage_error("there is no completion for " + shell, "Shells with completion: bash, zsh, fish.");
}

}  // namespace varve::cli

/// The tree of commands as shells need it. Private to completion*.cpp.
#pragma once

#include <string>
#include <vector>

namespace varve::cli {

struct CommandChoice {
    std::string word, help;
};

struct OptionChoice {
    std::string word, help;  ///< "--config"
    bool takes_value = false;
    std::vector<std::string> values;  ///< when there are only these
};

/// One command.
struct CompletionPage {
    std::string words;  ///< "backup run"; "" for the program itself
    std::vector<CommandChoice> commands;
    std::vector<OptionChoice> options;
    std::vector<std::string> arguments;  ///< the first argument, when there are only these
};
using CompletionPages = std::vector<CompletionPage>;

/// The options after which a word is a value, each once.
std::vector<std::string> options_with_value(const CompletionPages& pages);
/// Those that take one of a few words.
std::vector<OptionChoice> options_with_choices(const CompletionPages& pages);
/// Every command but the program itself, in double quotes: `"init"|"backup"|"backup run"`.
std::string all_commands(const CompletionPages& pages);
/// For a shell, in single quotes.
std::string quoted(const std::string& text);
/// "a b c"
template <class Choices>
std::string words_in(const Choices& choices) {
    std::string all;
    for (const auto& one : choices) all += (all.empty() ? "" : " ") + one.word;
    return all;
}

std::string bash_script(const CompletionPages& pages);
std::string zsh_script(const CompletionPages& pages);
std::string fish_script(const CompletionPages& pages);

}  // namespace varve::cli

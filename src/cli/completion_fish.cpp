#include "cli/completion_pages.hpp"
#include "cli/format_text.hpp"

namespace varve::cli {

std::string fish_script(const CompletionPages& pages) {
    std::string script = R"(# fish completion for varve; made by: varve completion fish
function __varve_at
    set -l at
    set -l value no
    for word in (commandline -opc)[2..-1]
        if test $value = yes
            set value no
            continue
        end
        set -l next (string join ' ' -- $at $word)
        switch $word
            case )" + joined(options_with_value(pages), " ") +
                         R"(
                set value yes
                continue
        end
        switch $next
            case )";
    std::string all;
    for (const auto& page : pages)
        if (!page.words.empty()) all += (all.empty() ? "" : " ") + quoted(page.words);
    script += all + R"(
                set at $next
        end
    end
    test "$at" = "$argv"
end
)";
    for (const auto& page : pages) {
        const auto here = "complete -c varve -n " + quoted("__varve_at " + page.words);
        for (const auto& command : page.commands)
            script += here + " -f -a " + command.word + " -d " + quoted(command.help) + "\n";
        for (const auto& word : page.arguments) script += here + " -f -a " + word + "\n";
        for (const auto& option : page.options) {
            script += here + " -l " + option.word.substr(2) + " -d " + quoted(option.help);
            if (option.takes_value) script += option.values.empty() ? " -r" : " -x -a " + quoted(joined(option.values, " "));
            script += "\n";
        }
    }
    return script;
}

}  // namespace varve::cli

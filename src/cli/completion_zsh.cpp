#include "cli/completion_pages.hpp"
#include "cli/format_text.hpp"

namespace varve::cli {
namespace {

/// zsh splits word and help at the first colon that is not escaped; no word of ours has one.
template <class Choices>
std::string described(const Choices& choices) {
    std::string all;
    for (const auto& one : choices) all += (all.empty() ? "" : " ") + quoted(one.word + ":" + one.help);
    return all;
}

}  // namespace

std::string zsh_script(const CompletionPages& pages) {
    std::string script = R"(#compdef varve
# zsh completion for varve; made by: varve completion zsh
_varve() {
    local at="" i
    local -a commands options values
    for ((i = 2; i < CURRENT; i++)); do
        case "$words[i-1]" in
            ()" + joined(options_with_value(pages), "|") +
                         R"() continue ;;
        esac
        case "${at:+$at }$words[i]" in
            ()" + all_commands(pages) +
                         R"() at="${at:+$at }$words[i]" ;;
        esac
    done
    case "$words[CURRENT-1]" in
)";
    for (const auto& option : options_with_choices(pages))
        script += "        (" + option.word + ") values=(" + joined(option.values, " ") + ") ;;\n";
    script += "    esac\n    case \"$at\" in\n";
    for (const auto& page : pages) {
        const auto words = page.commands.empty() ? joined(page.arguments, " ") : described(page.commands);
        script += "        (\"" + page.words + "\")\n            commands=(" + words + ")\n            options=(" +
                  described(page.options) + ") ;;\n";
    }
    script += R"(    esac
    if (( $#values )); then
        compadd -a values
        return
    fi
    case "$words[CURRENT-1]" in
        ()" + joined(options_with_value(pages), "|") +
              R"()
            _files
            return ;;
    esac
    if [[ $PREFIX == -* ]]; then
        _describe option options
    elif (( $#commands )); then
        _describe command commands
    else
        _files
    fi
}
if [[ $funcstack[1] == _varve ]]; then _varve "$@"; else compdef _varve varve; fi
)";
    return script;
}

}  // namespace varve::cli

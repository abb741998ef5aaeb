#include "cli/completion_pages.hpp"
#include "cli/format_text.hpp"

namespace varve::cli {

std::string bash_script(const CompletionPages& pages) {
    std::string script = R"(# bash completion for varve; made by: varve completion bash
_varve() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} at="" i commands="" options="" values=""
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${COMP_WORDS[i-1]}" in
            )" + joined(options_with_value(pages), "|") +
                         R"() continue ;;
        esac
        case "${at:+$at }${COMP_WORDS[i]}" in
            )" + all_commands(pages) +
                         R"() at="${at:+$at }${COMP_WORDS[i]}" ;;
        esac
    done
    case "$before" in
)";
    for (const auto& option : options_with_choices(pages))
        script += "        " + option.word + ") values=\"" + joined(option.values, " ") + "\" ;;\n";
    script += "    esac\n    case \"$at\" in\n";
    for (const auto& page : pages) {
        const auto words = page.commands.empty() ? joined(page.arguments, " ") : words_in(page.commands);
        script += "        \"" + page.words + "\") commands=\"" + words + "\" options=\"" + words_in(page.options) + "\" ;;\n";
    }
    script += R"(    esac
    if [[ -n $values ]]; then
        COMPREPLY=($(compgen -W "$values" -- "$current"))
        return
    fi
    case "$before" in
        )" + joined(options_with_value(pages), "|") +
              R"()
            COMPREPLY=($(compgen -f -- "$current"))
            return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    elif [[ -n $commands ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$current"))
    else
        COMPREPLY=($(compgen -f -- "$current"))
    fi
}
complete -o filenames -F _varve varve
)";
    return script;
}

}  // namespace varve::cli

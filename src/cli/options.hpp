/// Small helpers to declare options of the command tree. `into` outlives the parse.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "varve/error.hpp"
#include "varve/names.hpp"

namespace varve::cli {

/// A command line that makes no sense: code `usage`, exit 2.
Error usage_error(std::string sentence, std::string hint);

inline void assign(std::string& into, const std::string& text) { into = text; }
inline void assign(std::filesystem::path& into, const std::string& text) { into = text; }
template <class Tag>
void assign(Name<Tag>& into, const std::string& text) {
    into = Name<Tag>{text};
}
template <class T>
void assign(std::optional<T>& into, const std::string& text) {
    assign(into.emplace(), text);
}

/// `names`: "--to", or a bare word for an argument. An empty value is refused: it is a variable that was not set.
template <class T>
CLI::Option* add_text(CLI::App& app, const std::string& names, const std::string& type, T& into, const std::string& help) {
    const auto take = [&into, names](const std::string& text) {
        if (text.empty()) throw usage_error(names + " is empty", "Check the variable that stands for it.");
        assign(into, text);
    };
    return app.add_option_function<std::string>(names, take, help)->type_name(type);
}

}  // namespace varve::cli

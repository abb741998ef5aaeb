/// How help is laid out: what is particular to a command first, what every command takes last.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace varve::cli {

/// The group of the options that every command takes.
inline constexpr const char* everywhere = "Everywhere";

class HelpFormat final : public CLI::Formatter {
public:
    HelpFormat();
    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;

private:
    std::string groups_text(const CLI::App& app) const;
};

}  // namespace varve::cli

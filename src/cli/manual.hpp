/// The long part of each command's help: what it promises, examples, exit codes.
#pragma once

#include <CLI/CLI.hpp>

namespace varve::cli {

/// Gives `root` and every command below it its text.
void add_manual(CLI::App& root);

}  // namespace varve::cli

/// Completion scripts for shells, made from the tree of commands.
#pragma once

#include <string>

namespace varve::cli {

/// `shell`: bash, zsh or fish; Fault::invalid otherwise.
std::string completion_script(const std::string& shell);

}  // namespace varve::cli

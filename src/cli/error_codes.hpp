/// The words that scripts see in an error reply, and the way back. docs/interface.md, "Error codes".
#pragma once

#include <string>

#include "varve/error.hpp"

namespace varve::cli {

/// The error's own code word, else the word of its fault.
std::string code_of(const Error& error);

/// What the reader can do, from an error that came as words: by the word where it is known, else by the exit code.
Fault fault_of(const std::string& code, int exit_code) noexcept;

/// The exit code of `error` when it ends `command`. wal-fetch never fails with a code below 128: PostgreSQL takes those for
/// "the archive has no such file" and would end recovery early.
int exit_code_of(const std::string& command, const Error& error);

}  // namespace varve::cli

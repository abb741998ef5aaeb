/// What happened, once, at the place that decides. Everything else is returned or thrown.
#pragma once

#include <string>
#include <string_view>

namespace varve {

class Error;

enum class LogLevel { debug, info, warning, error };

/// Any thread. `subject` names the source or repository it is about, or is empty. Secrets and row data never go in.
void log(LogLevel level, std::string_view subject, std::string_view message);
/// The error's sentence, code and remedy on one line.
void log_failure(LogLevel level, std::string_view subject, const Error& error);
void set_log_level(LogLevel level) noexcept;

}  // namespace varve

/// A log line among the JSON lines that --json puts on stderr.
#pragma once

#include <string>
#include <string_view>

#include "varve/clock.hpp"
#include "varve/log.hpp"

namespace varve::cli {

/// {"log": {"level", "message", "subject", "time"}} and a newline; `subject` is null when the line is about no source.
std::string log_line(LogLevel level, std::string_view subject, std::string_view message, Instant time);

}  // namespace varve::cli

/// For a command whose standard error is read by a program: log lines take the form of what stands beside them.
#pragma once

#include <functional>
#include <string_view>

#include "varve/log.hpp"

namespace varve {

/// From here on `write` gets every line of the level in effect, instead of standard error. Any thread calls it, one at a time.
/// To be called before other threads log.
void redirect_log(std::function<void(LogLevel level, std::string_view subject, std::string_view message)> write);

}  // namespace varve

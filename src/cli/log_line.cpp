#include "cli/log_line.hpp"

#include <array>
#include <nlohmann/json.hpp>

namespace varve::cli {

std::string log_line(LogLevel level, std::string_view subject, std::string_view message, Instant time) {
    static constexpr std::array words{"debug", "info", "warning", "error"};
    const nlohmann::json line = {{"time", to_rfc3339(time)},
                                 {"level", words.at(static_cast<std::size_t>(level))},
                                 {"subject", subject.empty() ? nlohmann::json{} : nlohmann::json(subject)},
                                 {"message", message}};
    return nlohmann::json{{"log", line}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace varve::cli

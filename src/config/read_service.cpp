#include <charconv>
#include <regex>

#include "config/read_parts.hpp"

namespace varve {

namespace {

std::optional<HttpAddress> parse_address(const std::string& text) {
    if (text.empty()) return {};
    std::smatch parts;
    static const std::regex form{R"((\[[0-9a-fA-F:.]+\]|[^:\[\]]+):([0-9]{1,5}))"};
    unsigned port = 0;
    if (std::regex_match(text, parts, form)) {
        const auto digits = parts[2].str();
        std::from_chars(digits.data(), digits.data() + digits.size(), port);
    }
    if (port == 0 || port > 65535)
        throw Error{Fault::invalid, "\"" + text + "\" is no address"}.hint("Write 127.0.0.1:9971, or \"\" to turn it off.");
    auto host = parts[1].str();
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    return HttpAddress{.host = host, .port = static_cast<std::uint16_t>(port)};
}

void read_limits(ConfigFiles& files, Limits& limits) {
    auto section = files.table("limits");
    limits.workers = static_cast<unsigned>(section.count("workers", 0, 0, 1024));
    limits.memory = section.size("memory", "256MiB", 64u << 20);
    limits.backups_at_once = static_cast<unsigned>(section.count("backups_at_once", 1, 1, 64));
    limits.upload_rate = section.size_or_unlimited("upload_rate", "unlimited");
    section.finish("[limits]");
}

void read_log_settings(ConfigFiles& files, Config& config) {
    auto section = files.table("log");
    const auto level = section.one_of("level", {"debug", "info", "warning", "error"}, "info");
    config.log_level = level == "debug"     ? LogLevel::debug
                       : level == "warning" ? LogLevel::warning
                       : level == "error"   ? LogLevel::error
                                            : LogLevel::info;
    const auto format = section.one_of("format", {"auto", "text", "journald", "json"}, "auto");
    config.log_format = format == "text"       ? LogFormat::text
                        : format == "journald" ? LogFormat::journald
                        : format == "json"     ? LogFormat::json
                                               : LogFormat::automatic;
    section.finish("[log]");
}

}  // namespace

void read_service(ConfigFiles& files, Config& config) {
    read_limits(files, config.limits);
    read_log_settings(files, config);
    auto section = files.table("service");
    config.service.socket = section.text("socket", "/run/varve/varve.sock");
    if (!config.service.socket.is_absolute())
        section.reading().note(section.place("socket"), "`socket` must be an absolute path");
    config.service.http = section.parsed("http", "127.0.0.1:9971", parse_address);
    section.finish("[service]");
}

}  // namespace varve

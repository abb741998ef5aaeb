#include "postgresql/restore_settings.hpp"

#include <algorithm>
#include <array>

#include "postgresql/config_text.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {
namespace {

/// `2026-11-23 02:00:00.123456+00`: with an offset, so that the server's time zone plays no part.
std::string timestamp_text(Instant time) {
    auto text = to_rfc3339(time);
    std::ranges::replace(text, 'T', ' ');
    text.pop_back();
    return text + "+00";
}

std::string target_settings(const Target& target) {
    const auto inclusive = config_setting("recovery_target_inclusive", target.inclusive ? "on" : "off");
    switch (target.kind) {
        case Target::Kind::latest:
            return {};
        case Target::Kind::immediate:
            return config_setting("recovery_target", "immediate");
        case Target::Kind::time:
            if (!target.time) throw Error{Fault::defect, "a target time without a time"};
            return config_setting("recovery_target_time", timestamp_text(*target.time)) + inclusive;
        case Target::Kind::lsn:
            return config_setting("recovery_target_lsn", target.text) + inclusive;
        case Target::Kind::xid:
            return config_setting("recovery_target_xid", target.text) + inclusive;
        case Target::Kind::name:
        case Target::Kind::mark:
            return config_setting("recovery_target_name", target.text);
        default:
            throw Error{Fault::invalid, "PostgreSQL has no recovery target of this kind: " + target.text};
    }
}

/// `%` begins a placeholder in restore_command.
std::string without_placeholders(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '%') result += '%';
        result += c;
    }
    return result;
}

std::string quoted(const std::filesystem::path& path) { return without_placeholders(shell_quoted(path.string())); }

bool is_ours(const RecoveryOrders& orders, std::string_view name) {
    static constexpr std::array<std::string_view, 4> of_a_copy = {"archive_mode", "archive_command", "archive_library",
                                                                  "synchronous_standby_names"};
    if (is_recovery_setting(name)) return true;
    if (!orders.as_production && std::ranges::find(of_a_copy, name) != of_a_copy.end()) return true;
    return std::ranges::any_of(orders.other, [&](const auto& setting) { return setting.first == name; });
}

}  // namespace

std::string shell_quoted(std::string_view text) {
    std::string result = "'";
    for (const char c : text) {
        if (c == '\'')
            result += "'\\''";
        else
            result += c;
    }
    return result + "'";
}

std::string copying_command(const std::filesystem::path& directory) {
    const auto folder = quoted(directory);
    return "test -f " + folder + "/%f || { test -d " + folder + " && exit 1; exit 255; }; cp " + folder +
           "/%f \"%p\" || exit 255";
}

std::string fetching_command(const std::filesystem::path& directory, const std::filesystem::path& varve,
                             const std::filesystem::path& plan_file) {
    const auto folder = quoted(directory);
    return "if test -f " + folder + "/%f; then cp " + folder + "/%f \"%p\" || exit 255; else exec " + quoted(varve) +
           " wal-fetch --plan " + quoted(plan_file) + " %f \"%p\"; fi";
}

std::string removing_command(const std::filesystem::path& directory) {
    const auto folder = quoted(directory);
    return "rm -f " + folder + "/0* " + folder + "/[1-9A-F]*; rmdir " + folder + " 2>/dev/null || true";
}

std::string recovery_settings(const RecoveryOrders& orders) {
    static constexpr std::array<std::string_view, 3> actions = {"promote", "pause", "shutdown"};
    if (std::ranges::find(actions, orders.action) == actions.end())
        throw Error{Fault::invalid, "no such recovery action: " + orders.action}.hint("Use promote, pause or shutdown.");
    std::string text = "# written by varve restore\n";
    text += config_setting("restore_command", orders.restore_command);
    text += config_setting("recovery_target_timeline", std::to_string(orders.timeline));
    const auto target = target_settings(orders.target);
    text += target;
    if (!target.empty()) text += config_setting("recovery_target_action", orders.action);
    for (const auto& [name, value] : orders.other) text += config_setting(name, value);
    if (orders.as_production) return text;
    text += "# a copy: it archives nothing, waits for no standby, and subscribes to nothing\n";
    text += config_setting("archive_mode", "off") + config_setting("synchronous_standby_names", "") +
            config_setting("max_logical_replication_workers", "0");
    return text;
}

std::string with_recovery(std::string_view auto_conf, const RecoveryOrders& orders) {
    return comment_out(auto_conf, [&](const ConfigLine& line) { return is_ours(orders, line.name); }) + recovery_settings(orders);
}

}  // namespace varve::postgresql

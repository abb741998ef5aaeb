/// What a restored cluster is told about its recovery: lines for postgresql.auto.conf. Pure.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "varve/driver.hpp"

namespace varve::postgresql {

struct RecoveryOrders {
    Target target;  ///< resolved: latest, immediate, time, lsn, xid or name
    std::string action = "promote";
    std::uint32_t timeline = 1;  ///< always a number: the server must not choose
    std::string restore_command;
    bool as_production = false;                                ///< else a copy, which archives nothing and waits for nobody
    std::vector<std::pair<std::string, std::string>> other{};  ///< further settings, in this order
};

/// Settings and comments, ready to be appended. Fault::invalid for a target or action that PostgreSQL does not know.
std::string recovery_settings(const RecoveryOrders& orders);

/// An old postgresql.auto.conf with what would disturb this recovery put out of force, and the new settings at its end.
std::string with_recovery(std::string_view auto_conf, const RecoveryOrders& orders);

/// Copies a file that was staged in `directory`. A file that is not there ends the log (exit 1), but a folder that is not there,
/// or a copy that fails, stops recovery (exit 255): to PostgreSQL every exit code up to 125 means "end of the log, promote now".
std::string copying_command(const std::filesystem::path& directory);
/// As copying_command() for what is staged; everything else is fetched by `varve`.
std::string fetching_command(const std::filesystem::path& directory, const std::filesystem::path& varve,
                             const std::filesystem::path& plan_file);

/// Removes the staged log when recovery has ended: for recovery_end_command. The empty folder stays where the server's user may
/// not remove it.
std::string removing_command(const std::filesystem::path& directory);

/// One word for a POSIX shell.
std::string shell_quoted(std::string_view text);

}  // namespace varve::postgresql

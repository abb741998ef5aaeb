#include "app/registry.hpp"

#include <algorithm>

#include "files/files_driver.hpp"
#include "mysql/mysql_driver.hpp"
#include "postgresql/postgresql_driver.hpp"
#include "sqlite/sqlite_driver.hpp"
#include "varve/error.hpp"

namespace varve {

const std::vector<DriverKind>& driver_kinds() {
    static const std::vector<DriverKind> kinds{
        {"postgresql",
         &postgresql::make_driver,
         {"connection", "password", "method", "slot", "backup_from", "bin_dir", "scratch_dir", "insecure", "tls"},
         true},
        {"mysql",
         &mysql::make_driver,
         {"connection", "password", "method", "server_id", "bin_dir", "scratch_dir", "insecure", "tls"},
         true},
        {"sqlite", &sqlite::make_driver, {"path"}, true},
        {"files", &files::make_driver, {"kind", "paths", "exclude", "one_filesystem", "max_depth", "devices"}, false},
    };
    return kinds;
}

const DriverKind& driver_kind(const std::string& name) {
    const auto& kinds = driver_kinds();
    const auto found = std::ranges::find_if(kinds, [&](const DriverKind& kind) { return kind.name == name; });
    if (found != kinds.end()) return *found;
    std::string known;
    for (const auto& kind : kinds) known += (known.empty() ? "" : ", ") + kind.name;
    throw Error{Fault::invalid, "no driver named " + name}.hint("Known drivers: " + known + ".");
}

}  // namespace varve

/// The driver for MariaDB 10.6 and later and MySQL 8.0 to 9.x: the binlog byte for byte, base backups by the server's own tool or
/// over the client protocol, and restores to any transaction. See README.md for settings, rights, and what is and is not
/// archived.
#pragma once

#include <memory>

#include "varve/driver.hpp"

namespace varve::mysql {

/// For the registry. Fault::invalid when the settings cannot be understood; connects to nothing.
std::unique_ptr<Driver> make_driver(const SourceName& source, const Settings& settings, DriverServices services);

}  // namespace varve::mysql

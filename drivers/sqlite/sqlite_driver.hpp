/// SQLite in WAL mode: every commit shipped, restored to any transaction, proven by a checksum of the whole database.
/// README.md in this folder tells how it lives beside the application.
#pragma once

#include <memory>

#include "varve/driver.hpp"

namespace varve::sqlite {

/// Settings: path. Fault::invalid names the one that is wrong.
std::unique_ptr<Driver> make_driver(const SourceName& source, const Settings& settings, DriverServices services);

}  // namespace varve::sqlite

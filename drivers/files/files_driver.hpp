/// Configuration and application data: directory trees, backed up by walking them and given back with everything they carried.
/// README.md in this folder tells what is and is not archived.
#pragma once

#include <memory>

#include "varve/driver.hpp"

namespace varve::files {

/// Settings: paths (list), exclude (list), kind, one_filesystem, max_depth, devices. Fault::invalid names the one that is wrong.
std::unique_ptr<Driver> make_driver(SourceName source, const Settings& settings, DriverServices services);

}  // namespace varve::files

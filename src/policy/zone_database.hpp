/// The machine's time zones by name. Zone data are constants of the machine: this is the one place of src/policy that
/// reads files, once for each zone.
#pragma once

#include <string_view>

#include "policy/zone.hpp"

namespace varve {

/// Any thread; the reference stays good. Reads `$TZDIR/<name>`, else `/usr/share/zoneinfo/<name>`; `UTC` needs no file.
/// Fault::invalid when there is no such zone.
const Zone& zone_named(std::string_view name);

}  // namespace varve

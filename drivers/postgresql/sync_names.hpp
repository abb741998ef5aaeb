/// Reads `synchronous_standby_names`. An archiver that the server takes for a synchronous standby holds every commit until an
/// object store answered, so nothing is streamed while the setting matches our application_name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace varve::postgresql {

/// The standby names of the setting, quotes removed: `FIRST 2 (a, "B c", *)` -> a, B c, *. All its forms are understood: a plain
/// list, `N (…)`, `FIRST N (…)`, `ANY N (…)`. Fault::invalid for what the server would not accept either.
std::vector<std::string> standby_names(std::string_view setting);

/// Whether the server would take a standby of this application_name for a synchronous one: `*`, or the name in any case.
bool is_synchronous(std::string_view setting, std::string_view application_name);

/// The setting without us as the statement that excludes us: `ALTER SYSTEM SET synchronous_standby_names = '…';` with a reload.
/// A `*` cannot exclude anyone: the statement then asks for the standbys' names.
std::string excluding_statement(std::string_view setting, std::string_view application_name);

/// Fault::refused, with the statement that mends it, when the setting takes us for a synchronous standby.
void refuse_synchronous(std::string_view setting, const std::string& application_name);

}  // namespace varve::postgresql

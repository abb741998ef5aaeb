/// What the configuration says about one PostgreSQL source.
#pragma once

#include <optional>
#include <string>

#include "postgresql/connection.hpp"
#include "varve/names.hpp"
#include "varve/settings.hpp"

namespace varve::postgresql {

enum class Method {
    automatic,  ///< files where they can be read, else stream
    files,
    stream,
};

struct SourceSettings {
    ConnectionSettings primary;                     ///< `connection`
    std::optional<ConnectionSettings> backup_from;  ///< a standby that base backups are taken from
    Method method = Method::automatic;
    std::string slot;  ///< of the log follower, and its application_name
};

/// Fault::invalid, naming key and place, for what cannot be understood. Reads no secret and connects to nothing.
SourceSettings read_source_settings(const SourceName& source, const Settings& settings);

/// `varve_` and the name with other characters as `_`, and 4 hex digits of its hash: two names never share a slot by that.
std::string default_slot(const SourceName& source);

}  // namespace varve::postgresql

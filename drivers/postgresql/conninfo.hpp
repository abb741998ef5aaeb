/// From the configured connection string to what libpq is given: password, time limits and the rule for networks. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postgresql/connection.hpp"

namespace varve::postgresql {

/// `/run/postgresql`, `@name`, `localhost`, 127.0.0.0/8 or ::1: nothing leaves the machine.
bool is_local_host(std::string_view host);

/// Keywords and values for PQconnectStartParams, `expand_dbname` set. Holds the password: never printed.
/// Fault::invalid for a string that libpq does not understand or that has a password in it; Fault::refused for an sslmode weaker
/// than verify-full over a network.
std::vector<std::pair<std::string, std::string>> connection_parameters(const ConnectionSettings& settings, SessionKind kind);

/// Looks at what libpq really connected to. Fault::refused when it left the machine without a verified certificate.
void check_transport(const PGconn* connection, const ConnectionSettings& settings);

}  // namespace varve::postgresql

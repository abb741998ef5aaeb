/// What PostgreSQL and libpq say when they refuse, in our words. The server's own text goes into the context under "server":
/// it may hold user data, so it never stands in the sentence.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "varve/error.hpp"

namespace varve::postgresql {

/// 28…, 42501: denied; 08…, 57P01, 57P02: unreachable; 53…, 57P03: overloaded; 55006: conflict with exit code 11; 58P01: missing.
Fault fault_of_sqlstate(std::string_view sqlstate) noexcept;

/// With "sqlstate" and "server" in its context, and a hint where there is something to do.
Error error_of_sqlstate(std::string_view sqlstate, std::string server_text);

/// Of a failed result. A result without a SQLSTATE means that libpq lost the connection: unreachable.
Error error_of_result(const PGresult* result);

/// Of a connection that could not be made or was lost. Reads the SQLSTATE from the message when the error verbosity is
/// PQERRORS_VERBOSE, as connect() sets it.
Error error_of_connection(const PGconn* connection);

/// The SQLSTATE that a failed statement left in `error`; empty when it was another failure.
std::string_view sqlstate_of(const Error& error) noexcept;

}  // namespace varve::postgresql

/// What a server and its client library say when they refuse, in our words. The server's own text goes into the context under
/// "server": it may hold user data, so it never stands in the sentence.
#pragma once

#include <string>

#include "varve/error.hpp"

struct st_mysql;

namespace varve::mysql {

/// By the number of the error: 1045 and the like of the server, 2000 and up of the library. With "mysql_error" and "server" in
/// its context, and a hint where there is something to do.
Error error_of_number(unsigned number, std::string server_text);
/// The last failure of a session.
Error error_of_session(st_mysql* mysql);
/// The number that a failed call left in `error`; 0 when it was another failure.
unsigned number_of(const Error& error) noexcept;

}  // namespace varve::mysql

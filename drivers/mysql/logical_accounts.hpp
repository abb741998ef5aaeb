/// Accounts, roles and what they may do, as statements.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mysql/connection.hpp"

namespace varve::mysql {

/// First what makes them, then what they are granted. Each statement begins with a comment that names its account, so that a
/// restore can leave out those that the new server has already.
std::vector<std::string> read_accounts(Connection& connection);

/// The account that a statement of read_accounts() is about; empty: none is named.
std::string_view account_of_statement(std::string_view statement);

}  // namespace varve::mysql

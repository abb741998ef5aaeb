/// What our user may do, and what it lacks. A server shows a user only what it has a right to see and says nothing of the rest:
/// the rights are looked at, for their lack cannot be noticed later.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "mysql/connection.hpp"
#include "mysql/source_settings.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

struct Rights {
    std::string user;                  ///< 'varve'@'localhost'
    std::set<std::string> everywhere;  ///< ON *.*, in upper case; what was revoked for one database is not among them
    bool by_roles = false;             ///< there are roles, whose rights are not listed

    bool has(const std::string& right) const;
    /// A line of SHOW GRANTS.
    void add(const std::string& line);
};
/// Blocks.
Rights ask_rights(Connection& connection);

/// What following the log needs. With roles nothing is said. Pure.
std::vector<Finding> check_rights(const Rights& rights, bool mariadb);
/// What a logical backup needs to see all that there is, and to be taken. Warnings where a role may give it, or another way of
/// backups may be taken. Pure.
std::vector<Finding> check_rights_to_copy(const Rights& rights, bool mariadb, Method method);

}  // namespace varve::mysql

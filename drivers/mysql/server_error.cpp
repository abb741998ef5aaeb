#include "mysql/server_error.hpp"

#include <mysql.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace varve::mysql {

namespace {

struct Known {
    unsigned number;
    Fault fault;
    std::string_view sentence;
    std::string_view hint;
};

constexpr std::string_view grants = "`varve check` prints the statement that grants it.";

constexpr std::array known{
    Known{1040, Fault::overloaded, "the server has no connection left", "Raise max_connections."},
    Known{1203, Fault::overloaded, "this user has no connection left", "Raise its MAX_USER_CONNECTIONS."},
    Known{1044, Fault::denied, "a right is missing on the server", grants},
    Known{1045, Fault::denied, "the server refused the user or the password",
          "Check the user in the connection, the host it may come from, and the password file of this source."},
    Known{1698, Fault::denied, "the server refused the user",
          "This user logs in by its name on the operating system: run as that user, or give it a password."},
    Known{1130, Fault::denied, "the server takes no connection from this host", "Create the user for this host: 'varve'@'HOST'."},
    Known{1142, Fault::denied, "a right is missing on the server", grants},
    Known{1143, Fault::denied, "a right is missing on the server", grants},
    Known{1227, Fault::denied, "a right is missing on the server", grants},
    Known{1370, Fault::denied, "a right is missing on the server", grants},
    Known{1419, Fault::denied, "functions and triggers may not be created on a server with a binlog without the right SUPER",
          "SET GLOBAL log_bin_trust_function_creators = 1, or take a user with that right."},
    Known{1820, Fault::denied, "the user's password has expired", "Set a new one with ALTER USER."},
    Known{1862, Fault::denied, "the user's password has expired", "Set a new one with ALTER USER."},
    Known{1053, Fault::unreachable, "the server is shutting down", ""},
    Known{1927, Fault::unreachable, "the server ended the connection on an administrator's order", ""},
    Known{3169, Fault::unreachable, "the server ended the connection on an administrator's order", ""},
    Known{4031, Fault::unreachable, "the server ended an idle connection", ""},
    Known{1205, Fault::overloaded, "a lock was not to be had in time", ""},
    Known{1213, Fault::overloaded, "the server ended a deadlock", ""},
    Known{1317, Fault::cancelled, "the statement was cancelled", ""},
    Known{1049, Fault::missing, "there is no such database", ""},
    Known{1146, Fault::missing, "there is no such table", ""},
    Known{1193, Fault::unsupported, "the server does not know this variable", ""},
    Known{1064, Fault::unsupported, "the server does not know this statement", ""},
    Known{1290, Fault::refused, "the server runs with an option that forbids this", ""},
    Known{1153, Fault::invalid, "what was sent is larger than max_allowed_packet", "Raise max_allowed_packet."},
    Known{2002, Fault::unreachable, "the server's socket did not answer", ""},
    Known{2003, Fault::unreachable, "the server could not be reached", ""},
    Known{2005, Fault::unreachable, "the server's name is not known", ""},
    Known{2006, Fault::unreachable, "the connection to the server was lost", ""},
    Known{2012, Fault::unreachable, "the connection to the server was lost", ""},
    Known{2013, Fault::unreachable, "the connection to the server was lost", ""},
    Known{2055, Fault::unreachable, "the connection to the server was lost", ""},
    Known{2027, Fault::unreachable, "the server sent a packet that cannot be read", ""},
    Known{2008, Fault::overloaded, "the client library is out of memory", ""},
    Known{2020, Fault::overloaded, "the server sent more at once than fits into memory", ""},
    Known{2026, Fault::denied, "the server's certificate could not be verified, or TLS is off on the server",
          "Name the authority's certificate with tls = { ca = \"/path\" }; insecure = true gives up the check."},
    Known{2058, Fault::unsupported, "the client library cannot log in as this user does", "Install the plugins of libmariadb."},
    Known{2059, Fault::unsupported, "the client library cannot log in as this user does", "Install the plugins of libmariadb."},
};

}  // namespace

Error error_of_number(unsigned number, std::string server_text) {
    const auto row = std::ranges::find(known, number, &Known::number);
    const bool is_known = row != known.end();
    const auto sentence = is_known ? std::string{row->sentence} : std::string{"the server refused the request"};
    Error error{is_known ? row->fault : Fault::invalid, sentence + " (error " + std::to_string(number) + ")"};
    error.with("mysql_error", std::to_string(number)).with("server", std::move(server_text));
    if (is_known && !row->hint.empty()) error.hint(std::string{row->hint});
    return error;
}

Error error_of_session(st_mysql* mysql) { return error_of_number(mysql_errno(mysql), mysql_error(mysql)); }

unsigned number_of(const Error& error) noexcept {
    const auto found = error.context().find("mysql_error");
    unsigned number = 0;
    if (found != error.context().end())
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
    return number;
}

}  // namespace varve::mysql

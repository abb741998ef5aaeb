#include "postgresql/server_error.hpp"

#include <array>
#include <utility>

namespace varve::postgresql {

namespace {

struct Known {
    std::string_view sqlstate;  ///< five characters, or two for a class
    Fault fault;
    std::string_view sentence;
    std::string_view hint;
};

// The first row that fits decides: single codes stand before their class.
constexpr std::array known{
    Known{"28P01", Fault::denied, "the server refused the password",
          "Check the user and the password file of this source; ~/.pgpass is read when there is none."},
    Known{"28000", Fault::denied, "the server refused this user or host",
          "Add a line for this user, and one for `replication`, to pg_hba.conf, and give the role LOGIN and REPLICATION."},
    Known{"28", Fault::denied, "the server refused the log-in", "Check the user, the password and pg_hba.conf."},
    Known{"42501", Fault::denied, "a right is missing on the server", "`varve check` prints the statement that grants it."},
    Known{"3D000", Fault::invalid, "there is no such database", "Name an existing one in the connection: dbname=postgres."},
    Known{"53300", Fault::overloaded, "the server has no connection left",
          "Raise max_connections, or max_wal_senders for the log and stream backups."},
    Known{"53", Fault::overloaded, "the server is out of a resource", ""},
    Known{"55006", Fault::conflict, "the replication slot is in use by another connection",
          "Stop the other archiver, or give this source a slot of its own with slot = \"…\"."},
    Known{"57P01", Fault::unreachable, "the server ended the connection on an administrator's order", ""},
    Known{"57P02", Fault::unreachable, "the server ended the connection because another process crashed", ""},
    Known{"57P03", Fault::overloaded, "the server is starting up or shutting down", ""},
    Known{"57P05", Fault::unreachable, "the server ended an idle connection", ""},
    Known{"57014", Fault::cancelled, "the statement was cancelled", ""},
    Known{"58P01", Fault::missing, "a file that was asked for is not on the server any more", ""},
    Known{"08", Fault::unreachable, "the connection to the server failed", ""},
    Known{"0A", Fault::unsupported, "the server does not support this", ""},
    Known{"42883", Fault::unsupported, "the server does not have this function", ""},
    Known{"XX001", Fault::corrupt, "the server found damaged data", ""},
    Known{"XX002", Fault::corrupt, "the server found a damaged index", ""},
};

const Known* find_known(std::string_view sqlstate) noexcept {
    for (const auto& row : known)
        if (sqlstate.starts_with(row.sqlstate)) return &row;
    return nullptr;
}

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    return text;
}

bool is_sqlstate(std::string_view text) {
    for (const char c : text)
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z')) return false;
    return text.size() == 5;
}

/// In `FATAL:  28P01: password …`, whatever language the first word is in. The last one counts: it is of the last host tried.
std::string_view find_sqlstate(std::string_view message) {
    for (auto at = message.rfind(":  "); at != std::string_view::npos; at = at == 0 ? at : message.rfind(":  ", at - 1)) {
        const auto code = message.substr(at + 3, 5);
        if (is_sqlstate(code) && message.substr(at + 8, 2) == ": ") return code;
        if (at == 0) break;
    }
    return {};
}

}  // namespace

Fault fault_of_sqlstate(std::string_view sqlstate) noexcept {
    const auto* row = find_known(sqlstate);
    return row ? row->fault : Fault::invalid;
}

Error error_of_sqlstate(std::string_view sqlstate, std::string server_text) {
    const auto* row = find_known(sqlstate);
    auto sentence = row ? std::string{row->sentence} : std::string{"the server refused the request"};
    Error error{fault_of_sqlstate(sqlstate), sentence + " (SQLSTATE " + std::string{sqlstate} + ")"};
    error.with("sqlstate", std::string{sqlstate}).with("server", trimmed(std::move(server_text)));
    if (row && !row->hint.empty()) error.hint(std::string{row->hint});
    if (sqlstate == "55006") error.code("busy", 11);
    return error;
}

Error error_of_result(const PGresult* result) {
    const char* sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
    const char* primary = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : nullptr;
    if (sqlstate) return error_of_sqlstate(sqlstate, primary ? primary : "");
    return Error{Fault::unreachable, "the connection to the server was lost"}.with(
        "server", result ? trimmed(PQresultErrorMessage(result)) : "out of memory");
}

Error error_of_connection(const PGconn* connection) {
    const std::string message = connection ? PQerrorMessage(connection) : "out of memory";
    if (const auto sqlstate = find_sqlstate(message); !sqlstate.empty()) return error_of_sqlstate(sqlstate, message);
    if (connection && PQconnectionNeedsPassword(connection))
        return Error{Fault::denied, "the server asks for a password and none was given"}
            .with("server", trimmed(message))
            .hint("Set password = \"file:/path\" for this source, or add a line to ~/.pgpass of the user that runs Varve.");
    if (message.find("certificate") != std::string::npos)
        return Error{Fault::denied, "the server's certificate could not be verified"}
            .with("server", trimmed(message))
            .hint(
                "Name the authority's certificate with sslrootcert=/path in the connection; insecure = true gives up the check.");
    return Error{Fault::unreachable, "the server could not be reached"}.with("server", trimmed(message));
}

std::string_view sqlstate_of(const Error& error) noexcept {
    const auto found = error.context().find("sqlstate");
    return found == error.context().end() ? std::string_view{} : std::string_view{found->second};
}

}  // namespace varve::postgresql

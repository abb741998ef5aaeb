#include "postgresql/connection.hpp"

#include <poll.h>

#include <algorithm>

#include "postgresql/conninfo.hpp"
#include "postgresql/server_error.hpp"

namespace varve::postgresql {

namespace {

using SteadyClock = std::chrono::steady_clock;

void wait_for_socket(const PGconn* connection, short events, SteadyClock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now());
    pollfd waited{.fd = PQsocket(connection), .events = events, .revents = 0};
    const int ready = left.count() > 0 ? ::poll(&waited, 1, static_cast<int>(left.count())) : 0;
    if (ready == 0) throw Error{Fault::unreachable, "the server did not answer in time"}.during("connecting to PostgreSQL");
}

/// PQconnectdb gives no SQLSTATE of a refused log-in; its steps do, when the verbosity is raised between them.
void finish_connecting(PGconn* connection, SteadyClock::time_point until) {
    PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK; state = PQconnectPoll(connection)) {
        if (state == PGRES_POLLING_FAILED) throw error_of_connection(connection).during("connecting to PostgreSQL");
        wait_for_socket(connection, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until);
    }
    PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
}

void set_session(PGconn* connection) {
    std::string sql =
        "SELECT set_config('search_path', 'pg_catalog', false), set_config('datestyle', 'ISO, YMD', false),"
        " set_config('timezone', 'UTC', false), set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', "
        "false),"
        " set_config('idle_in_transaction_session_timeout', '0', false)";
    if (PQserverVersion(connection) >= 140000) sql += ", set_config('idle_session_timeout', '0', false)";
    const ResultHandle result{PQexec(connection, sql.c_str())};
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) throw error_of_result(result.get()).during("preparing a session");
}

/// What the server notes (a NOTICE of pg_backup_stop) is no business of standard error.
void drop_notice(void*, const PGresult*) {}

}  // namespace

ConnectionHandle connect(const ConnectionSettings& settings, SessionKind kind) {
    const auto parameters = connection_parameters(settings, kind);
    std::vector<const char*> keywords, values;
    for (const auto& [keyword, value] : parameters) {
        keywords.push_back(keyword.c_str());
        values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    const auto hosts = 1 + std::ranges::count(settings.conninfo, ',');

    ConnectionHandle connection{PQconnectStartParams(keywords.data(), values.data(), 1)};
    if (!connection || PQstatus(connection.get()) == CONNECTION_BAD)
        throw error_of_connection(connection.get()).during("connecting to PostgreSQL");
    PQsetNoticeReceiver(connection.get(), drop_notice, nullptr);
    finish_connecting(connection.get(), SteadyClock::now() + settings.connect_time_max * hosts);
    check_transport(connection.get(), settings);
    if (PQserverVersion(connection.get()) < 130000)
        throw Error{Fault::unsupported, "PostgreSQL " + std::to_string(PQserverVersion(connection.get()) / 10000) + " is too old"}
            .hint("Versions 13 to 18 are supported.");
    if (kind == SessionKind::sql) set_session(connection.get());
    return connection;
}

}  // namespace varve::postgresql

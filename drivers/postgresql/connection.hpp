/// Sessions with a PostgreSQL server: plain SQL, or the replication protocol (`SessionKind::replication`).
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "varve/async.hpp"
#include "varve/error.hpp"

namespace varve::postgresql {

class SocketWatch;

struct CloseConnection {
    void operator()(PGconn* raw) const noexcept { PQfinish(raw); }
};
struct ClearResult {
    void operator()(PGresult* raw) const noexcept { PQclear(raw); }
};
using ConnectionHandle = std::unique_ptr<PGconn, CloseConnection>;
using ResultHandle = std::unique_ptr<PGresult, ClearResult>;

struct ConnectionSettings {
    std::string conninfo{};            ///< libpq string or URI, without a password in it
    std::string password_reference{};  ///< "file:/path"; empty: ~/.pgpass and what else libpq knows
    std::string application_name = "varve";
    bool insecure = false;  ///< permits a connection over a network without a verified server certificate
    std::chrono::seconds connect_time_max{10};
};

enum class SessionKind {
    sql,          ///< search_path is pg_catalog, times are UTC, no statement or idle timeout
    replication,  ///< replication=true: IDENTIFY_SYSTEM, START_REPLICATION, BASE_BACKUP, SHOW; no parameters
};

/// Connects. Blocks: use the blocking pool, or Session::open. Beyond loopback and unix sockets the server's certificate and name
/// are verified (sslmode=verify-full is set, a weaker one is refused) unless `settings.insecure`.
/// Fault::denied, invalid, unreachable, overloaded; the password is in no message.
ConnectionHandle connect(const ConnectionSettings& settings, SessionKind kind);

/// The answer to a statement. Copies share it.
class Rows {
public:
    explicit Rows(ResultHandle result) : result_{std::move(result)} {}

    int size() const noexcept { return PQntuples(result_.get()); }
    bool empty() const noexcept { return size() == 0; }
    int columns() const noexcept { return PQnfields(result_.get()); }
    /// Nothing for SQL NULL. Valid while a copy of these Rows lives. Fault::defect when there is no such row or column.
    std::optional<std::string_view> find(int row, int column) const;
    std::optional<std::string_view> find(int row, const char* column) const;
    /// As find(); Fault::invalid for SQL NULL.
    std::string text(int row, int column) const;
    std::string text(int row, const char* column) const;
    bool flag(int row, const char* column) const { return text(row, column) == "t"; }
    const PGresult* raw() const noexcept { return result_.get(); }

private:
    int column_number(const char* name) const;
    std::shared_ptr<const PGresult> result_;
};

/// One session, used by one task at a time. io thread only; waiting for the server blocks no thread.
/// A task that is stopped while a statement runs sends a cancel request and waits for the statement's end, at most
/// `cancel_time_max`, so that the session can be used again; after that the session is cut.
class Session {
public:
    static constexpr std::chrono::seconds cancel_time_max{5};

    static Task<std::unique_ptr<Session>> open(ConnectionSettings settings, SessionKind kind, Pools& pools);
    Session(asio::any_io_executor executor, ConnectionHandle connection, SessionKind kind, Pools& pools);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    using Parameters = std::vector<std::optional<std::string>>;
    /// Runs one statement to its end. `parameters` (as text) stand for $1, $2, …; none on a replication session.
    /// Errors as in server_error.hpp; Fault::cancelled.
    Task<Rows> query(std::string sql, Parameters parameters = {});
    /// The one value that `sql` gives, as text; Fault::missing when there is no row, or when it is NULL.
    Task<std::string> value(std::string sql, Parameters parameters = {});

    /// Sends `sql`, which must answer with COPY (START_REPLICATION, BASE_BACKUP); gives the results that come before it
    /// (BASE_BACKUP sends two). Then the caller reads from raw().
    Task<std::vector<Rows>> start_copy(std::string sql);
    /// The next result of a started statement, after a COPY ended; nothing when the statement is over. Errors are thrown.
    Task<std::optional<Rows>> next_result();

    /// Ends when the server sent something (or hung up), when wake() was called, or when `pause` has passed: then false.
    Task<bool> wait_readable(std::chrono::microseconds pause);
    /// Ends a wait_readable() of another task.
    void wake();
    /// Sends what libpq holds back. False: the rest goes out at the next call.
    bool flush();

    PGconn* raw() const noexcept { return connection_.get(); }
    /// 150020 for 15.20.
    int server_version() const noexcept { return PQserverVersion(connection_.get()); }
    int server_major() const noexcept { return server_version() / 10000; }
    asio::any_io_executor executor() const { return executor_; }
    int backend_pid() const noexcept { return PQbackendPID(connection_.get()); }

private:
    enum class Until { end, copy };
    using Results = std::vector<Rows>;
    Task<Results> run(std::string sql, Parameters parameters, Until until);
    Task<Results> collect(Until until);
    Task<ResultHandle> receive();
    Task<> cancel_statement();
    Task<> drain();
    void send(const std::string& sql, const Parameters& parameters);

    asio::any_io_executor executor_;
    ConnectionHandle connection_;
    std::unique_ptr<SocketWatch> watch_;
    SessionKind kind_;
    Pools& pools_;
};

}  // namespace varve::postgresql

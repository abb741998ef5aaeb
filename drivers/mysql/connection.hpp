/// A session with a MySQL or MariaDB server. One library, MariaDB's Connector/C, speaks to both; Oracle's cannot be in one
/// process with it. Every call blocks: blocking pool, or a thread of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct st_mysql;

namespace varve::mysql {

struct ConnectionSettings {
    std::string user{};
    std::string host{};
    std::uint16_t port = 3306;
    std::filesystem::path socket{};    ///< of a server on this machine; empty: TCP
    std::string password_reference{};  ///< "file:/path"; empty: none
    std::filesystem::path ca{}, certificate{}, key{};
    bool insecure = false;  ///< permits a connection over a network without a verified server certificate
    std::chrono::seconds connect_time_max{10};
    std::chrono::seconds silence_max{0};  ///< a server that says nothing for so long is taken for dead; 0: never
};

/// A unix socket or loopback: nobody reads along.
bool stays_here(const ConnectionSettings& settings);
/// The server's certificate and name are verified, by our own sessions and by the server's programs that we start.
bool must_be_verified(const ConnectionSettings& settings);
/// Who vouches for certificates: as named, else the system's. Empty: nobody.
std::filesystem::path authority_of(const ConnectionSettings& settings);

/// The answer to a statement, all of it in memory.
class Rows {
public:
    using Cell = std::optional<std::string>;  ///< nothing: SQL NULL
    Rows(std::vector<std::string> names, std::vector<std::vector<Cell>> rows)
        : names_{std::move(names)}, rows_{std::move(rows)} {}

    std::size_t size() const noexcept { return rows_.size(); }
    bool empty() const noexcept { return rows_.empty(); }
    std::size_t columns() const noexcept { return names_.size(); }
    const std::vector<std::string>& names() const noexcept { return names_; }
    bool has(std::string_view column) const noexcept;
    /// Fault::defect when there is no such row or column.
    const Cell& find(std::size_t row, std::size_t column) const;
    const Cell& find(std::size_t row, std::string_view column) const;
    /// As find(); Fault::invalid for SQL NULL.
    const std::string& text(std::size_t row, std::size_t column) const;
    const std::string& text(std::size_t row, std::string_view column) const;

private:
    std::vector<std::string> names_;
    std::vector<std::vector<Cell>> rows_;
};

/// One session, used by one thread at a time, but for interrupt(). Text is utf8mb4, times are UTC, sql_mode is empty, each
/// statement commits, and whatever the server's own settings are, no answer is cut short and no statement ended early.
class Connection {
public:
    /// Connects. Beyond loopback and unix sockets the server's certificate and name are verified unless `settings.insecure`.
    /// Fault::denied, invalid, unreachable, overloaded, refused; the password is in no message.
    explicit Connection(const ConnectionSettings& settings);
    ~Connection();
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;

    /// Runs one statement to its end. Errors as in server_error.hpp.
    Rows query(const std::string& sql);
    /// One whose answer nobody wants.
    void execute(const std::string& sql);
    /// The first column of the first row; nothing when there is no row or it is NULL.
    std::optional<std::string> find_value(const std::string& sql);
    /// The same; Fault::missing when there is none.
    std::string value(const std::string& sql);
    /// A row at a time, for answers that do not fit in memory; cells are valid within the call.
    using Row = std::vector<std::optional<std::string_view>>;
    void each_row(const std::string& sql, const std::function<void(const Row&)>& visit);

    /// As a literal of SQL, with its quotes.
    std::string quoted(std::string_view text);
    /// The name of a table and the like, in backticks.
    static std::string identifier(std::string_view name);

    /// Cuts the connection: a call that waits for the server fails at once with Fault::unreachable. Any thread.
    void interrupt() noexcept;
    std::uint64_t id() const noexcept;  ///< as SHOW PROCESSLIST has it
    /// As the server greeted us: `10.11.19-MariaDB-…`, `9.7.0`.
    std::string greeting() const;
    bool is_mariadb() const;
    st_mysql* raw() const noexcept { return mysql_.get(); }

private:
    struct Close {
        void operator()(st_mysql* mysql) const noexcept;
    };
    std::unique_ptr<st_mysql, Close> mysql_;
    int socket_ = -1;  ///< for interrupt(); the library's
};

}  // namespace varve::mysql

#include "mysql/connection.hpp"

#include <arpa/inet.h>
#include <mysql.h>
#include <sys/socket.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "mysql/server_error.hpp"
#include "varve/settings.hpp"

namespace varve::mysql {

namespace {

/// An event of the log may be as large as the server's own limit.
constexpr unsigned long packet_bytes_max = 1UL << 30;
constexpr const char* system_authorities = "/etc/ssl/certs/ca-certificates.crt";

struct FreeResult {
    void operator()(MYSQL_RES* result) const noexcept { mysql_free_result(result); }
};
using Result = std::unique_ptr<MYSQL_RES, FreeResult>;

void init_library() {
    static std::once_flag once;
    std::call_once(once, [] {
        if (mysql_library_init(0, nullptr, nullptr) != 0) throw Error{Fault::overloaded, "the client library did not start"};
    });
}

void set_time_limits(MYSQL* mysql, const ConnectionSettings& settings) {
    const auto connect = static_cast<unsigned>(settings.connect_time_max.count());
    mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect);
    if (settings.silence_max.count() == 0) return;
    const auto silence = static_cast<unsigned>(settings.silence_max.count());
    mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &silence);
    mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &silence);
}

/// Over a network the certificate is verified. On this machine TLS is used where the source names certificates.
void set_tls(MYSQL* mysql, const ConnectionSettings& settings) {
    const bool named = !settings.ca.empty() || !settings.certificate.empty();
    if (!must_be_verified(settings) && !named) return;
    const auto ca = authority_of(settings);
    if (!ca.empty()) mysql_optionsv(mysql, MYSQL_OPT_SSL_CA, ca.c_str());
    if (!settings.certificate.empty()) mysql_optionsv(mysql, MYSQL_OPT_SSL_CERT, settings.certificate.c_str());
    if (!settings.key.empty()) mysql_optionsv(mysql, MYSQL_OPT_SSL_KEY, settings.key.c_str());
    const my_bool yes = 1;
    mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
    if (!settings.insecure) mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
}

void connect(MYSQL* mysql, const ConnectionSettings& settings) {
    const std::string password = settings.password_reference.empty() ? "" : read_secret(settings.password_reference);
    const bool by_socket = !settings.socket.empty();
    const unsigned protocol = by_socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_bytes_max);
    const char* host = by_socket ? nullptr : settings.host.c_str();
    const char* socket = by_socket ? settings.socket.c_str() : nullptr;
    if (mysql_real_connect(mysql, host, settings.user.c_str(), password.c_str(), nullptr, settings.port, socket, 0) == nullptr)
        throw error_of_session(mysql).during("connecting to MySQL");
}

void check_transport(MYSQL* mysql, const ConnectionSettings& settings) {
    if (!must_be_verified(settings) || mysql_get_ssl_cipher(mysql) != nullptr) return;
    throw Error{Fault::refused, "the connection to " + settings.host + " leaves this machine without a verified certificate"}
        .hint(
            "Turn TLS on in the server and name its authority with tls = { ca = \"/path\" }, or set insecure = true for this "
            "source if "
            "you accept that others can read along.");
}

/// What a server gives every session by default may cut answers short (sql_select_limit), end statements (max_statement_time, and
/// max_execution_time) or leave a transaction open for the end of the session to roll back (autocommit): none of that is ours.
std::string session_settings(bool mariadb) {
    return std::string{
               "SET SESSION sql_mode = '', time_zone = '+00:00', wait_timeout = 28800, autocommit = 1, sql_select_limit = "
               "18446744073709551615, "} +
           (mariadb ? "max_statement_time = 0" : "max_execution_time = 0");
}

Error wrong_cell(const std::string& what) { return Error{Fault::defect, "an answer of the server has no " + what}; }

std::vector<std::string> names_of(MYSQL_RES* result) {
    std::vector<std::string> names;
    const auto* fields = mysql_fetch_fields(result);
    for (unsigned i = 0; i < mysql_num_fields(result); ++i) names.emplace_back(fields[i].name);
    return names;
}

}  // namespace

bool stays_here(const ConnectionSettings& settings) {
    if (!settings.socket.empty() || settings.host == "localhost" || settings.host == "::1") return true;
    // An address, and no name that begins like one.
    ::in_addr address{};
    return settings.host.starts_with("127.") && ::inet_pton(AF_INET, settings.host.c_str(), &address) == 1;
}

bool must_be_verified(const ConnectionSettings& settings) { return !settings.insecure && !stays_here(settings); }

std::filesystem::path authority_of(const ConnectionSettings& settings) {
    std::error_code ignored;
    if (!settings.ca.empty() || !must_be_verified(settings) || !std::filesystem::exists(system_authorities, ignored))
        return settings.ca;
    return system_authorities;
}

// -------------------------------------------------------------------------------------------------------------------- rows

bool Rows::has(std::string_view column) const noexcept { return std::ranges::find(names_, column) != names_.end(); }

const Rows::Cell& Rows::find(std::size_t row, std::size_t column) const {
    if (row >= rows_.size() || column >= rows_[row].size())
        throw wrong_cell("cell " + std::to_string(row) + "/" + std::to_string(column));
    return rows_[row][column];
}

const Rows::Cell& Rows::find(std::size_t row, std::string_view column) const {
    const auto found = std::ranges::find(names_, column);
    if (found == names_.end()) throw wrong_cell("column " + std::string{column});
    return find(row, static_cast<std::size_t>(found - names_.begin()));
}

const std::string& Rows::text(std::size_t row, std::size_t column) const {
    if (const auto& found = find(row, column)) return *found;
    throw Error{Fault::invalid, "the server left column " + names_[column] + " empty"};
}

const std::string& Rows::text(std::size_t row, std::string_view column) const {
    if (const auto& found = find(row, column)) return *found;
    throw Error{Fault::invalid, "the server left column " + std::string{column} + " empty"};
}

// -------------------------------------------------------------------------------------------------------------- connection

void Connection::Close::operator()(st_mysql* mysql) const noexcept { mysql_close(mysql); }

Connection::Connection(const ConnectionSettings& settings) {
    init_library();
    mysql_.reset(mysql_init(nullptr));
    if (!mysql_) throw Error{Fault::overloaded, "no memory for a connection"};
    set_time_limits(raw(), settings);
    set_tls(raw(), settings);
    connect(raw(), settings);
    check_transport(raw(), settings);
    socket_ = static_cast<int>(mysql_get_socket(raw()));
    execute(session_settings(is_mariadb()));
}

Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Rows Connection::query(const std::string& sql) {
    std::vector<std::vector<Rows::Cell>> rows;
    std::vector<std::string> names;
    if (mysql_real_query(raw(), sql.data(), sql.size()) != 0) throw error_of_session(raw());
    const Result result{mysql_store_result(raw())};
    if (!result) {
        if (mysql_errno(raw()) != 0) throw error_of_session(raw());
        return {{}, {}};
    }
    names = names_of(result.get());
    while (const auto row = mysql_fetch_row(result.get())) {
        const auto* lengths = mysql_fetch_lengths(result.get());
        auto& cells = rows.emplace_back();
        for (std::size_t i = 0; i < names.size(); ++i)
            cells.push_back(row[i] == nullptr ? Rows::Cell{} : Rows::Cell{std::string{row[i], lengths[i]}});
    }
    return {std::move(names), std::move(rows)};
}

void Connection::execute(const std::string& sql) { query(sql); }

std::optional<std::string> Connection::find_value(const std::string& sql) {
    const auto rows = query(sql);
    return rows.empty() ? std::nullopt : rows.find(0, std::size_t{0});
}

std::string Connection::value(const std::string& sql) {
    if (auto found = find_value(sql)) return *found;
    throw Error{Fault::missing, "the server has no value for what was asked"};
}

void Connection::each_row(const std::string& sql, const std::function<void(const Row&)>& visit) {
    if (mysql_real_query(raw(), sql.data(), sql.size()) != 0) throw error_of_session(raw());
    const Result result{mysql_use_result(raw())};
    if (!result) throw error_of_session(raw());
    Row cells(mysql_num_fields(result.get()));
    while (const auto row = mysql_fetch_row(result.get())) {
        const auto* lengths = mysql_fetch_lengths(result.get());
        for (std::size_t i = 0; i < cells.size(); ++i)
            cells[i] = row[i] == nullptr ? std::nullopt : std::optional{std::string_view{row[i], lengths[i]}};
        visit(cells);
    }
    if (mysql_errno(raw()) != 0) throw error_of_session(raw());
}

std::string Connection::quoted(std::string_view text) {
    std::string escaped(2 * text.size() + 1, '\0');
    escaped.resize(mysql_real_escape_string(raw(), escaped.data(), text.data(), text.size()));
    return "'" + escaped + "'";
}

std::string Connection::identifier(std::string_view name) {
    std::string quoted = "`";
    for (const char c : name) quoted += c == '`' ? std::string{"``"} : std::string{c};
    return quoted + "`";
}

void Connection::interrupt() noexcept { ::shutdown(socket_, SHUT_RDWR); }

std::uint64_t Connection::id() const noexcept { return mysql_thread_id(raw()); }

std::string Connection::greeting() const { return mysql_get_server_info(raw()); }

bool Connection::is_mariadb() const { return greeting().find("MariaDB") != std::string::npos; }

}  // namespace varve::mysql

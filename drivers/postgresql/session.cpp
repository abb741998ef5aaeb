#include <sys/socket.h>

#include <array>

#include "postgresql/connection.hpp"
#include "postgresql/server_error.hpp"
#include "postgresql/socket_watch.hpp"

namespace varve::postgresql {

namespace {

constexpr std::chrono::hours long_wait{24};

bool is_good(ExecStatusType status) {
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY;
}
bool is_copy(ExecStatusType status) { return status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH || status == PGRES_COPY_IN; }

Error wrong_cell(const std::string& what) { return Error{Fault::defect, "an answer of the server has no " + what}; }

}  // namespace

// ------------------------------------------------------------------------------------------------------------------ rows

std::optional<std::string_view> Rows::find(int row, int column) const {
    if (row < 0 || row >= size() || column < 0 || column >= columns())
        throw wrong_cell("cell " + std::to_string(row) + "/" + std::to_string(column));
    if (PQgetisnull(result_.get(), row, column)) return std::nullopt;
    return std::string_view{PQgetvalue(result_.get(), row, column),
                            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::optional<std::string_view> Rows::find(int row, const char* column) const { return find(row, column_number(column)); }

std::string Rows::text(int row, int column) const {
    if (const auto found = find(row, column)) return std::string{*found};
    throw Error{Fault::invalid, std::string{"the server left column "} + PQfname(result_.get(), column) + " empty"};
}

std::string Rows::text(int row, const char* column) const { return text(row, column_number(column)); }

int Rows::column_number(const char* name) const {
    const int number = PQfnumber(result_.get(), name);
    if (number < 0) throw wrong_cell(std::string{"column "} + name);
    return number;
}

// --------------------------------------------------------------------------------------------------------------- session

Task<std::unique_ptr<Session>> Session::open(ConnectionSettings settings, SessionKind kind, Pools& pools) {
    auto connection = co_await on_pool(pools.blocking, [settings, kind] { return connect(settings, kind); });
    co_return std::make_unique<Session>(co_await asio::this_coro::executor, std::move(connection), kind, pools);
}

Session::Session(asio::any_io_executor executor, ConnectionHandle connection, SessionKind kind, Pools& pools)
    : executor_{std::move(executor)},
      connection_{std::move(connection)},
      watch_{std::make_unique<SocketWatch>(executor_, PQsocket(connection_.get()))},
      kind_{kind},
      pools_{pools} {
    PQsetnonblocking(connection_.get(), 1);
}

Session::~Session() = default;

Task<Rows> Session::query(std::string sql, Parameters parameters) {
    auto results = co_await run(std::move(sql), std::move(parameters), Until::end);
    if (results.empty()) throw Error{Fault::defect, "the server gave no answer to a statement"};
    co_return std::move(results.back());
}

Task<std::string> Session::value(std::string sql, Parameters parameters) {
    const auto rows = co_await query(std::move(sql), std::move(parameters));
    const auto found = rows.empty() ? std::nullopt : rows.find(0, 0);
    if (!found) throw Error{Fault::missing, "the server has no value for what was asked"};
    co_return std::string{*found};
}

Task<std::vector<Rows>> Session::start_copy(std::string sql) {
    auto results = co_await run(std::move(sql), {}, Until::copy);
    if (PQresultStatus(results.empty() ? nullptr : results.back().raw()) == PGRES_COMMAND_OK)
        throw Error{Fault::unsupported, "the server answered a streaming command without a stream"};
    co_return results;
}

Task<std::optional<Rows>> Session::next_result() {
    auto result = co_await receive();
    if (!result) co_return std::nullopt;
    const auto status = PQresultStatus(result.get());
    if (!is_good(status) && !is_copy(status)) throw error_of_result(result.get());
    co_return Rows{std::move(result)};
}

Task<bool> Session::wait_readable(std::chrono::microseconds pause) { return watch_->readable(pause); }
void Session::wake() { watch_->wake(); }

bool Session::flush() {
    const int held = PQflush(connection_.get());
    if (held < 0) throw error_of_connection(connection_.get());
    return held == 0;
}

Task<Session::Results> Session::run(std::string sql, Parameters parameters, Until until) {
    co_await check_stop();
    send(sql, parameters);
    std::exception_ptr failure;
    try {
        co_return co_await collect(until);
    } catch (...) {
        failure = std::current_exception();
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none) std::rethrow_exception(failure);
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await cancel_statement();
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    throw Error{Fault::cancelled, "stopped on request"};
}

Task<Session::Results> Session::collect(Until until) {
    Results results;
    std::optional<Error> refused;
    while (auto result = co_await receive()) {
        const auto status = PQresultStatus(result.get());
        if (!is_good(status) && !is_copy(status)) {
            if (!refused) refused = error_of_result(result.get());
            if (PQstatus(connection_.get()) == CONNECTION_BAD) break;
            continue;
        }
        results.emplace_back(std::move(result));
        if (is_copy(status) && until == Until::copy) co_return results;
        if (is_copy(status)) {
            ::shutdown(PQsocket(connection_.get()), SHUT_RDWR);
            throw Error{Fault::defect, "a statement that starts a stream was sent as a plain one"};
        }
        // BASE_BACKUP's first results come before its COPY; an answer without one ends with an empty result.
    }
    if (refused) throw *std::move(refused);
    co_return results;
}

Task<ResultHandle> Session::receive() {
    auto* connection = connection_.get();
    while (PQisBusy(connection)) {
        if (PQflush(connection) > 0) co_await watch_->writable(std::chrono::milliseconds{100});
        co_await watch_->readable(long_wait);
        // A lost connection still gives the server's last words, through PQgetResult.
        if (PQconsumeInput(connection) == 0) break;
    }
    co_return ResultHandle{PQgetResult(connection)};
}

Task<> Session::cancel_statement() {
    const std::shared_ptr<PGcancel> request{PQgetCancel(connection_.get()), PQfreeCancel};
    if (!request) co_return;
    co_await on_pool(pools_.blocking, [request] {
        std::array<char, 256> problem{};
        PQcancel(request.get(), problem.data(), static_cast<int>(problem.size()));
    });
    co_await drain();
}

/// Reads what the cancelled statement still answers. A server that goes on answering, or never does, is cut off.
Task<> Session::drain() {
    auto* connection = connection_.get();
    const auto until = std::chrono::steady_clock::now() + cancel_time_max;
    while (std::chrono::steady_clock::now() < until) {
        if (PQisBusy(connection)) {
            co_await watch_->readable(std::chrono::milliseconds{100});
            if (PQconsumeInput(connection) == 0) co_return;
            continue;
        }
        const ResultHandle result{PQgetResult(connection)};
        if (!result) co_return;
        if (is_copy(PQresultStatus(result.get()))) break;
    }
    ::shutdown(PQsocket(connection), SHUT_RDWR);
}

void Session::send(const std::string& sql, const Parameters& parameters) {
    int sent = 0;
    if (kind_ == SessionKind::replication) {
        if (!parameters.empty()) throw Error{Fault::defect, "a replication command has no parameters"};
        sent = PQsendQuery(connection_.get(), sql.c_str());
    } else {
        std::vector<const char*> values;
        for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
        sent = PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(), nullptr,
                                 nullptr, 0);
    }
    if (sent == 0) throw error_of_connection(connection_.get());
}

}  // namespace varve::postgresql

#include "postgresql/conninfo.hpp"

#include <map>

#include "varve/error.hpp"
#include "varve/settings.hpp"

namespace varve::postgresql {

namespace {

struct FreeOptions {
    void operator()(PQconninfoOption* raw) const noexcept { PQconninfoFree(raw); }
};
using OptionsHandle = std::unique_ptr<PQconninfoOption, FreeOptions>;
using Options = std::map<std::string, std::string, std::less<>>;

Options set_options(const PQconninfoOption* option) {
    Options found;
    for (; option && option->keyword; ++option)
        if (option->val && *option->val) found[option->keyword] = option->val;
    return found;
}

/// A lone word is a database name to libpq.
bool is_database_name(std::string_view conninfo) {
    return conninfo.find('=') == std::string_view::npos && !conninfo.starts_with("postgres://") &&
           !conninfo.starts_with("postgresql://");
}

Options parse(const std::string& conninfo) {
    if (is_database_name(conninfo)) return conninfo.empty() ? Options{} : Options{{"dbname", conninfo}};
    char* problem = nullptr;
    const OptionsHandle options{PQconninfoParse(conninfo.c_str(), &problem)};
    const std::unique_ptr<char, void (*)(void*)> owned{problem, PQfreemem};
    // libpq quotes parts of the string in its message, and a password may be one of them.
    if (!options)
        throw Error{Fault::invalid, "the connection string is not one that libpq understands"}.hint(
            "Write it as: host=… user=… dbname=postgres.");
    return set_options(options.get());
}

/// What applies when the string is silent: PGHOST, PGSSLMODE and the like.
std::string defaulted(const Options& options, std::string_view key) {
    if (const auto found = options.find(key); found != options.end()) return found->second;
    const OptionsHandle defaults{PQconndefaults()};
    const auto set = set_options(defaults.get());
    const auto found = set.find(key);
    return found == set.end() ? std::string{} : found->second;
}

bool all_local(std::string_view hosts) {
    while (true) {
        const auto comma = hosts.find(',');
        if (!is_local_host(hosts.substr(0, comma))) return false;
        if (comma == std::string_view::npos) return true;
        hosts.remove_prefix(comma + 1);
    }
}

bool stays_here(const Options& options) {
    const auto address = defaulted(options, "hostaddr");
    return all_local(address.empty() ? defaulted(options, "host") : address);
}

Error unverified(const std::string& what) {
    return Error{Fault::refused, what}.hint(
        "Use sslmode=verify-full with sslrootcert=/path, or set insecure = true for this source if you accept that others can "
        "read along.");
}

}  // namespace

bool is_local_host(std::string_view host) {
    return host.empty() || host.front() == '/' || host.front() == '@' || host == "localhost" || host.starts_with("127.") ||
           host == "::1";
}

std::vector<std::pair<std::string, std::string>> connection_parameters(const ConnectionSettings& settings, SessionKind kind) {
    const auto options = parse(settings.conninfo);
    if (options.contains("password"))
        throw Error{Fault::invalid, "the connection string has a password in it"}.hint(
            "Move it to a file and write password = \"file:/path\", or use ~/.pgpass.");

    // A later keyword outweighs an earlier one: ours before the string are defaults, those after it are orders.
    std::vector<std::pair<std::string, std::string>> parameters{
        {"keepalives_idle", "30"}, {"keepalives_interval", "10"}, {"keepalives_count", "3"}, {"tcp_user_timeout", "60000"}};
    if (!options.contains("dbname")) parameters.emplace_back("dbname", "postgres");
    if (!settings.conninfo.empty()) parameters.emplace_back("dbname", settings.conninfo);
    parameters.emplace_back("application_name", settings.application_name);
    parameters.emplace_back("client_encoding", "UTF8");
    if (kind == SessionKind::replication) parameters.emplace_back("replication", "true");
    if (!settings.password_reference.empty()) parameters.emplace_back("password", read_secret(settings.password_reference));
    if (!settings.insecure && !options.contains("service") && !stays_here(options)) {
        const auto mode = defaulted(options, "sslmode");
        const bool chosen = options.contains("sslmode");
        if (chosen && mode != "verify-full") throw unverified("sslmode=" + mode + " does not verify the server");
        parameters.emplace_back("sslmode", "verify-full");
    }
    return parameters;
}

void check_transport(const PGconn* connection, const ConnectionSettings& settings) {
    if (settings.insecure) return;
    const std::string address = PQhostaddr(connection);
    // libpq gives no address for a unix socket; then the host is its directory.
    if (is_local_host(address.empty() ? std::string_view{PQhost(connection)} : std::string_view{address})) return;
    const OptionsHandle effective{PQconninfo(const_cast<PGconn*>(connection))};
    const auto options = set_options(effective.get());
    const auto mode = options.find("sslmode");
    if (PQsslInUse(const_cast<PGconn*>(connection)) && mode != options.end() && mode->second == "verify-full") return;
    throw unverified("the connection to " + address + " leaves this machine without a verified certificate");
}

}  // namespace varve::postgresql

#include "support/private_postgres.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "varve/process.hpp"

namespace varve::test {

namespace {

bool is_root() { return ::geteuid() == 0; }

std::string server_user() {
    if (is_root()) return "postgres";
    const auto* account = ::getpwuid(::geteuid());
    return account ? account->pw_name : "postgres";
}

/// Below the directory of a test, which belongs to whoever runs it, the server's user needs its own.
void give_to_server(const std::filesystem::path& path) {
    if (!is_root()) return;
    const auto* account = ::getpwnam("postgres");
    if (!account || ::chown(path.c_str(), account->pw_uid, account->pw_gid) != 0)
        throw std::runtime_error{"cannot give " + path.string() + " to user postgres"};
}

}  // namespace

std::filesystem::path PrivatePostgres::bin_dir() {
    const char* chosen = std::getenv("VARVE_PG_BIN_DIR");
    return chosen ? chosen : "/usr/lib/postgresql/15/bin";
}

PrivatePostgres::PrivatePostgres(Empty) { give_to_server(place_.path()); }

PrivatePostgres::PrivatePostgres(Options options) : PrivatePostgres{Empty{}} {
    std::vector<std::string> initdb{"initdb", "-D",         data().string(),
                                    "-N",     "-A",         "trust",
                                    "-U",     "postgres",   "-E",
                                    "UTF8",   "--locale=C", "--wal-segsize=" + std::to_string(options.segment_megabytes)};
    if (options.checksums) initdb.emplace_back("--data-checksums");
    tool(initdb);
    write_configuration(options.settings);
    start();
}

std::unique_ptr<PrivatePostgres> PrivatePostgres::make_standby(const PrivatePostgres& primary,
                                                               const std::vector<std::string>& settings) {
    std::unique_ptr<PrivatePostgres> standby{new PrivatePostgres{Empty{}}};
    standby->tool(
        {"pg_basebackup", "-D", standby->data().string(), "-d", primary.conninfo(), "-R", "-X", "stream", "-c", "fast"});
    standby->write_configuration(settings);
    standby->start();
    return standby;
}

PrivatePostgres::~PrivatePostgres() {
    try {
        if (is_running()) stop("immediate");
    } catch (const std::exception&) {  // a destructor has nobody to tell; the directory goes either way
    }
}

void PrivatePostgres::write_configuration(const std::vector<std::string>& settings) {
    configure({"listen_addresses = ''", "unix_socket_directories = '" + place_.path().string() + "'", "fsync = off",
               "shared_buffers = '16MB'", "max_wal_senders = 10", "logging_collector = off"});
    configure(settings);
}

void PrivatePostgres::configure(const std::vector<std::string>& lines) {
    std::ofstream file{data() / "postgresql.conf", std::ios::app};
    for (const auto& line : lines) file << line << '\n';
}

std::string PrivatePostgres::conninfo(const std::string& database) const {
    return "host=" + place_.path().string() + " port=5432 user=postgres dbname=" + database;
}

void PrivatePostgres::start() {
    tool({"pg_ctl", "start", "-w", "-t", "60", "-D", data().string(), "-l", (place_ / "server.log").string()});
}
void PrivatePostgres::stop(const std::string& mode, int seconds) {
    tool({"pg_ctl", "stop", "-w", "-t", std::to_string(seconds), "-m", mode, "-D", data().string()});
}
void PrivatePostgres::begin_stop(const std::string& mode) { tool({"pg_ctl", "stop", "-W", "-m", mode, "-D", data().string()}); }
void PrivatePostgres::promote() { tool({"pg_ctl", "promote", "-w", "-t", "60", "-D", data().string()}); }
void PrivatePostgres::reload() { tool({"pg_ctl", "reload", "-D", data().string()}); }
bool PrivatePostgres::is_running() const { return std::filesystem::exists(data() / "postmaster.pid"); }

std::string PrivatePostgres::sql(const std::string& statement, const std::string& database) const {
    return tool({"psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", conninfo(database), "-c", statement});
}

std::string PrivatePostgres::tool(std::vector<std::string> arguments) const {
    arguments.front() = (bin_dir() / arguments.front()).string();
    Command command;
    command.arguments = std::move(arguments);
    command.directory = "/";
    if (is_root()) command.user = server_user();
    auto result = run_command(command);
    if (result.exit_code != 0)
        throw std::runtime_error{command.arguments.front() + " ended with " + std::to_string(result.exit_code) + ": " +
                                 result.errors};
    if (result.output.ends_with('\n')) result.output.pop_back();
    return result.output;
}

}  // namespace varve::test

#include "mysql/private_server.hpp"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <random>

#include "varve/error.hpp"
#include "varve/file.hpp"

namespace varve::mysql {

namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds look_again{50};
constexpr std::chrono::seconds stop_time_max{600};
constexpr std::uintmax_t last_words_bytes = 4096;

std::string random_word() {
    std::random_device random;
    Bytes bytes;
    for (int i = 0; i < 16; ++i) bytes.push_back(static_cast<std::uint8_t>(random()));
    return to_hex(bytes);
}

/// A path to a socket may have some hundred bytes only, so it does not lie beside the data.
fs::path make_socket_folder() {
    auto pattern = (fs::temp_directory_path() / "varve-restore-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw system_error(errno, "make a folder", pattern);
    return pattern;
}

void give_to(const fs::path& path, const std::optional<std::string>& user) {
    if (!user || ::geteuid() != 0) return;
    const auto* found = ::getpwnam(user->c_str());
    if (found == nullptr) throw Error{Fault::invalid, "there is no user " + *user + " on this host"};
    if (::chown(path.c_str(), found->pw_uid, found->pw_gid) != 0) throw system_error(errno, "chown", path);
}

}  // namespace

PrivateServer::PrivateServer(PrivateServerOptions options)
    : options_{std::move(options)}, folder_{make_socket_folder()}, password_{"Vv1!" + random_word()} {
    try {
        login_.user = "varve_restore_" + random_word().substr(0, 8);
        login_.host = "localhost";
        login_.socket = folder_ / "server.sock";
        write_init_file();
        give_to(folder_, options_.user);
        Command command;
        command.arguments = arguments();
        command.user = options_.user;
        command.dies_with_us = true;
        running_ = std::make_unique<RunningCommand>(command);
        wait_until_it_answers();
        fs::remove(folder_ / "init.sql");
    } catch (...) {
        running_.reset();
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
        throw;
    }
}

PrivateServer::~PrivateServer() {
    if (running_) {
        running_->stop();
        running_->ends_within(stop_time_max);
    }
    running_.reset();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

/// One statement a line: the server reads it so. Nothing of it may go into the log that proves what was applied.
void PrivateServer::write_init_file() const {
    const auto account = "'" + login_.user + "'@'localhost'";
    const auto path = folder_ / "init.sql";
    std::string text = "SET SESSION sql_log_bin=0;\n";
    text += "CREATE USER " + account + " IDENTIFIED BY '" + password_ + "';\n";
    text += "GRANT ALL ON *.* TO " + account + " WITH GRANT OPTION;\n";
    replace_file(path, view_of(text), 0600);
    give_to(path, options_.user);
    // The same for us, as the client library wants it.
    replace_file(folder_ / "password", view_of(password_), 0600);
}

std::vector<std::string> PrivateServer::arguments() const {
    std::vector<std::string> all{options_.program.string(), "--no-defaults", "--datadir=" + options_.data.string(),
                                 "--socket=" + login_.socket.string(), "--pid-file=" + (folder_ / "server.pid").string(),
                                 "--log-error=" + (options_.scratch / "server.log").string(),
                                 "--init-file=" + (folder_ / "init.sql").string(), "--skip-networking", "--skip-slave-start",
                                 "--event-scheduler=OFF", "--max-allowed-packet=1G",
                                 // What is lost when the machine goes down now is restored again.
                                 "--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0",
                                 // Its own log, thrown away afterwards, is how the server tells what it has applied.
                                 "--log-bin=" + (options_.scratch / "applied").string(), "--server-id=1"};
    if (options_.mariadb)
        all.insert(all.end(), {"--gtid-strict-mode=OFF", "--log-slave-updates=ON"});
    else
        all.insert(all.end(), {"--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--mysqlx=OFF"});
    all.insert(all.end(), options_.arguments.begin(), options_.arguments.end());
    return all;
}

void PrivateServer::wait_until_it_answers() {
    while (!running_->ends_within(look_again)) {
        if (!fs::exists(login_.socket)) continue;
        try {
            connect();
            return;
        } catch (const Error& error) {
            // The socket is there before the account is.
            if (error.fault() != Fault::unreachable && error.fault() != Fault::denied && error.fault() != Fault::overloaded)
                throw;
        }
    }
    const auto result = running_->finish();
    running_.reset();
    throw Error{Fault::invalid,
                "the server that was to apply the log ended at once, with exit code " + std::to_string(result.exit_code)}
        .with("errors", result.errors + last_words())
        .hint(
            "What it says is in the error's context. The data directory needs a server of the same series: name its folder with "
            "bin_dir.");
}

Connection PrivateServer::connect() const {
    auto settings = login_;
    settings.password_reference = "file:" + (folder_ / "password").string();
    return Connection{settings};
}

void PrivateServer::stop() {
    {
        auto connection = connect();
        connection.execute("SET SESSION sql_log_bin=0");
        connection.execute("DROP USER '" + login_.user + "'@'localhost'");
        connection.execute("SHUTDOWN");
    }
    if (!running_->ends_within(stop_time_max))
        throw Error{Fault::overloaded,
                    "the server that applied the log did not end within " + std::to_string(stop_time_max.count()) + " s"};
    const auto result = running_->finish();
    running_.reset();
    if (result.exit_code != 0)
        throw Error{Fault::invalid, "the server that applied the log ended with exit code " + std::to_string(result.exit_code)}
            .with("errors", result.errors + last_words());
}

std::string last_words_in(const fs::path& path) {
    std::ifstream log{path, std::ios::binary};
    if (!log) return {};
    log.seekg(0, std::ios::end);
    const auto size = static_cast<std::uintmax_t>(log.tellg());
    log.seekg(static_cast<std::streamoff>(size - std::min(size, last_words_bytes)));
    return {std::istreambuf_iterator<char>{log}, {}};
}

}  // namespace varve::mysql

/// A server of our own on a restored data directory: no network, no replication, no events, an account that ends with it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mysql/connection.hpp"
#include "varve/process.hpp"

namespace varve::mysql {

/// The end of a server's error log.
std::string last_words_in(const std::filesystem::path& log);

struct PrivateServerOptions {
    std::filesystem::path program;  ///< mariadbd or mysqld
    std::filesystem::path data;
    std::filesystem::path scratch;       ///< for its own binlog and error log; the server's user must be able to write there
    std::optional<std::string> user;     ///< run as this user, when we are root
    std::vector<std::string> arguments;  ///< further ones: what the data directory needs
    bool mariadb = true;
};

/// Every call blocks. The server is stopped, and killed when it does not stop, when this ends.
class PrivateServer {
public:
    /// Starts it and waits until it answers, however long its recovery takes; Fault::invalid with the end of its error log when
    /// it ends before.
    explicit PrivateServer(PrivateServerOptions options);
    PrivateServer(const PrivateServer&) = delete;
    PrivateServer& operator=(const PrivateServer&) = delete;
    ~PrivateServer();

    /// As the one-time account, which may do everything.
    Connection connect() const;
    const ConnectionSettings& login() const noexcept { return login_; }
    const std::string& password() const noexcept { return password_; }
    /// Drops the account and shuts the server down cleanly; Fault::invalid when it does not end well.
    void stop();
    std::string last_words() const { return last_words_in(options_.scratch / "server.log"); }

private:
    void write_init_file() const;
    std::vector<std::string> arguments() const;
    void wait_until_it_answers();

    PrivateServerOptions options_;
    std::filesystem::path folder_;  ///< for the socket: short, and the server's own
    ConnectionSettings login_;
    std::string password_;
    std::unique_ptr<RunningCommand> running_;
};

}  // namespace varve::mysql

/// The server's own programs: where they are, which version they have, and how they are told to log in.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mysql/connection.hpp"
#include "mysql/server.hpp"

namespace varve::mysql {

/// The first of `names` that is in `bin_dir`, or, when that is empty, in PATH or where servers have theirs. Any thread.
std::optional<std::filesystem::path> find_tool(const std::filesystem::path& bin_dir, const std::vector<std::string>& names);
/// The same; Fault::missing with what to install.
std::filesystem::path tool(const std::filesystem::path& bin_dir, const std::vector<std::string>& names);

/// `10.11.19` out of `mariadb-backup based on MariaDB server 10.11.19-MariaDB …` and `10.11.19-MariaDB-log`.
struct ServerVersion {
    int major = 0, minor = 0, patch = 0;
    friend auto operator<=>(const ServerVersion&, const ServerVersion&) = default;
    bool same_series(const ServerVersion& other) const { return major == other.major && minor == other.minor; }
    std::string text() const;
};
/// The first that stands in `text`; Fault::invalid when there is none.
ServerVersion parse_version(std::string_view text);

/// Whether the server behind `connection` runs on the directory `data` of this host: the process that its pid file names has it
/// open as its working directory, and the socket or port is its own.
bool is_server_of(Connection& connection, const std::filesystem::path& data);

/// An option file (0600) that tells the programs how to log in; removed when this ends. A password stands in no argument list.
class LoginFile {
public:
    /// `programs`: whose they are that read it; they spell their options differently.
    LoginFile(const std::filesystem::path& folder, const ConnectionSettings& settings, const std::string& password,
              Flavour programs = Flavour::mariadb);
    LoginFile(const LoginFile&) = delete;
    LoginFile& operator=(const LoginFile&) = delete;
    ~LoginFile();
    const std::filesystem::path& path() const noexcept { return path_; }
    /// The first argument of each program.
    std::string argument() const { return "--defaults-file=" + path_.string(); }

private:
    std::filesystem::path path_;
};

}  // namespace varve::mysql

/// What the configuration says about one MySQL or MariaDB source.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "mysql/connection.hpp"
#include "varve/settings.hpp"

namespace varve::mysql {

enum class Method {
    automatic,  ///< physical where the server's files can be read, else logical
    physical,
    logical,
};

struct SourceSettings {
    ConnectionSettings connection;
    Method method = Method::automatic;
    std::optional<std::uint32_t> server_id;  ///< of our binlog stream; nothing: a random one
    std::filesystem::path bin_dir;           ///< of the server's own programs; empty: PATH
    std::filesystem::path scratch_dir;       ///< empty: where the restore goes
};

/// Fault::invalid, naming key and place, for what cannot be understood. Reads no secret and connects to nothing.
SourceSettings read_source_settings(const Settings& settings);

/// What a source says of certificates, for another server that its backup is loaded into.
void read_tls(const Settings& settings, ConnectionSettings& connection);

/// `mysql://user@host:3306`, `mysql://user@localhost?socket=/run/mysqld/mysqld.sock`; `mariadb://` means the same. Without a
/// port, `localhost` is the default socket, as the engine's own programs have it. For `restore run --into` as well.
ConnectionSettings parse_connection(const std::string& url);

}  // namespace varve::mysql

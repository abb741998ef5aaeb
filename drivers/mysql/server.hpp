/// What a server says of itself: who it is, what it can, where its log is. Asked, never concluded from a version. Blocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "mysql/binlog_place.hpp"
#include "mysql/connection.hpp"

namespace varve::mysql {

enum class Flavour { mariadb, mysql };
std::string_view name_of(Flavour flavour) noexcept;  ///< "MariaDB", "MySQL"

struct ServerFacts {
    Flavour flavour = Flavour::mysql;
    std::string version;                           ///< `10.11.19-MariaDB-…`
    std::string uuid;                              ///< @@server_uuid or @@server_uid: of this server and no other
    std::map<std::string, std::string> variables;  ///< global ones, by their name in lower case

    /// Empty when the server does not have it.
    std::string variable(const std::string& name) const;
    bool is_on(const std::string& name) const;
    std::uint32_t server_id() const;
    /// `10.11`, `9.7`
    std::string series() const;
};

ServerFacts ask_server(Connection& connection);

/// The end of the log. Fault::unsupported when the server writes none.
BinlogPlace ask_binlog_end(Connection& connection);

struct BinlogFile {
    std::string name{};
    std::uint64_t bytes = 0;  ///< of what the server sends of it
};
/// The files of the log, oldest first.
std::vector<BinlogFile> ask_binlog_files(Connection& connection);

/// Every transaction that the server knows to have: @@gtid_executed, or @@gtid_binlog_state and @@gtid_current_pos together.
std::string ask_gtids(Connection& connection, Flavour flavour);

/// What must be added to our clock to have the server's, at the least.
std::chrono::microseconds ask_clock_offset(Connection& connection);

/// Whether the server replicates from another one.
bool ask_is_replica(Connection& connection);

}  // namespace varve::mysql

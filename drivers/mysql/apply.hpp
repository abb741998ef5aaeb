/// The server's own log reader and client, joined: archived binlog files brought into a server, in one session, to an exact
/// place.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mysql/connection.hpp"

namespace varve::mysql {

struct ApplyOrder {
    std::filesystem::path bin_dir;  ///< where the server's programs are; empty: PATH
    bool mariadb = true;
    std::vector<std::filesystem::path> files;  ///< in the order of the log
    std::uint64_t start_position = 4;          ///< in the first of them
    std::uint64_t stop_position = 0;           ///< in the last: the end of the last transaction that is wanted
    std::filesystem::path scratch;             ///< for the option file
    ConnectionSettings login;
    std::string password;
};

/// Blocks, for as long as it takes. Fault::invalid with what the client said when a statement failed: then the server holds what
/// came before it.
void apply_files(const ApplyOrder& order);

}  // namespace varve::mysql

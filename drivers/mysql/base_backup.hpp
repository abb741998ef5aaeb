/// Base backups: one self-sufficient copy of a server. Two ways: the server's own tool copies its files on this host (physical),
/// or several connections read one snapshot (logical, any host).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mysql/source_settings.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve::mysql {

/// Where a copy stands in the server's log.
struct Coordinates {
    std::string file;
    std::uint64_t position = 0;
    std::string gtid;  ///< MariaDB: gtid_binlog_pos; MySQL: gtid_executed
    friend bool operator==(const Coordinates&, const Coordinates&) = default;
};

/// What mariadb-backup and xtrabackup write into their binlog_info: file, position, GTID, with tabs between them. Fault::corrupt.
Coordinates parse_binlog_info(std::string_view text);

struct BackupContext {
    SourceName source;
    SourceSettings settings;
    DriverServices services;
    BackupRequest request;
};

/// What both ways give; the log half turns the coordinates into a position of a lineage.
struct Copied {
    std::optional<Coordinates> coordinates;  ///< nothing: the server writes no binlog
    Instant stop_time;
    Properties facts;
    std::vector<Finding> findings{};
};

/// mariadb-backup, streamed and unpacked on the fly.
Task<Copied> back_up_physical(BackupContext context, BackupSink& sink);
/// Over N connections.
Task<Copied> back_up_logical(BackupContext context, BackupSink& sink);

class Follower;
/// One of both, as the source's settings or the circumstances say; with its place in the lineage that `follower` knows.
Task<BackupFacts> back_up_server(BackupContext context, Follower& follower, BackupSink& sink);

/// What restore needs to know of the server, whichever way it was copied.
Properties facts_of_server(Connection& connection);
/// By the server's clock.
Instant ask_time(Connection& connection);

/// Which way `auto` takes here, and why: a sentence for the log.
struct Choice {
    Method method = Method::logical;
    std::string reason;
};
Task<Choice> choose_method(BackupContext context);

}  // namespace varve::mysql

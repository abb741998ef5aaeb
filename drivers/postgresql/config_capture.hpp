/// Configuration that a cluster keeps outside its data directory (Debian: /etc/postgresql), for a backup to take along.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "postgresql/cluster.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

struct CapturedConfig {
    struct File {
        Entry entry;  ///< `config/etc/postgresql/15/main/postgresql.conf`
        Bytes content;
    };
    std::vector<File> files;
    std::vector<Finding> findings;  ///< files that are there and that we may not read
};

/// config_file, hba_file, ident_file and what they include, as far as it lies outside the data directory. Blocks: use a pool.
CapturedConfig capture_configuration(const Cluster& cluster);

/// The settings that came from configuration files, as a file: for a server whose files we cannot see.
/// Only what our role may see is in it (pg_read_all_settings).
Task<std::string> settings_as_file(Session& session);

/// Where a configuration file at `path` is stored in a backup.
std::string config_entry_path(const std::filesystem::path& path);

}  // namespace varve::postgresql

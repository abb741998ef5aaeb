/// What one cluster is, as its server tells: identity, version, settings, tablespaces. Asked before each backup and check.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "postgresql/connection.hpp"
#include "postgresql/lsn.hpp"
#include "varve/driver.hpp"

namespace varve::postgresql {

struct ClusterTablespace {
    std::string oid;
    std::string name;
    std::string location;  ///< empty: an in-place tablespace, which lies in the data directory
};

struct Cluster {
    std::string system_identifier;
    int version_num = 0;       ///< 150020
    std::string version_text;  ///< `15.20 (Debian …)`
    bool in_recovery = false;
    Lsn position = 0;  ///< the end of what is written (primary) or replayed (standby)
    std::uint32_t catalog_version = 0;
    bool checksums = false;
    std::string data_directory, config_file, hba_file, ident_file;  ///< empty when our role may not see them
    std::map<std::string, std::string> settings;                    ///< the current value of every setting our role may see
    std::vector<ClusterTablespace> tablespaces;                     ///< without pg_default and pg_global
    std::string encoding, collate, ctype;                           ///< of template1
    std::string postmaster_start;                                   ///< as text, to compare

    int major() const noexcept { return version_num / 10000; }
    /// Empty when there is no such setting.
    std::string setting(const std::string& name) const;
};

/// Fault::unsupported for a server that this build does not know (13 to 18 are known).
Task<Cluster> ask_cluster(Session& session);

/// The facts that restore and drills need, as a backup keeps them.
Properties facts_of(const Cluster& cluster);

/// The settings that a restored cluster must not have lower than its source, or recovery refuses to go on.
inline constexpr const char* settings_not_lower[] = {"max_connections", "max_worker_processes", "max_wal_senders",
                                                     "max_prepared_transactions", "max_locks_per_transaction"};

/// A text that changes when this machine starts again; empty when unknown.
std::string boot_id();

}  // namespace varve::postgresql

/// `global/pg_control`: what a cluster is and where its last checkpoint lies. PostgreSQL 13 to 18 (versions 1300, 1700, 1800).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "varve/bytes.hpp"

namespace varve::postgresql {

/// As PostgreSQL's DBState.
enum class ClusterState : std::uint32_t {
    starting_up = 0,
    shut_down,
    shut_down_in_recovery,
    shutting_down,
    in_crash_recovery,
    in_archive_recovery,
    in_production,
};

struct ControlFile {
    std::uint64_t system_identifier = 0;
    std::uint32_t control_version = 0;  ///< 1300: PostgreSQL 13 to 16; 1700: 17; 1800: 18
    std::uint32_t catalog_version = 0;
    ClusterState state = ClusterState::starting_up;
    std::uint64_t checkpoint = 0;  ///< LSN of the last checkpoint record
    std::uint64_t redo = 0;        ///< where recovery from that checkpoint begins
    std::uint32_t timeline = 0;    ///< of that checkpoint
    std::uint64_t min_recovery_point = 0;
    std::uint32_t min_recovery_timeline = 0;
    std::uint32_t max_connections = 0, max_worker_processes = 0, max_wal_senders = 0, max_prepared_transactions = 0,
                  max_locks_per_transaction = 0;
    std::uint32_t block_bytes = 0;
    std::uint32_t relation_segment_blocks = 0;  ///< blocks in each file of a relation but its last
    std::uint32_t wal_segment_bytes = 0;
    std::uint32_t data_checksum_version = 0;  ///< 0: pages carry no checksums
};

/// The whole file is this long; all but the first few hundred bytes are zero.
inline constexpr std::uint64_t control_file_bytes = 8192;

/// Fault::corrupt when the CRC is wrong (a torn read: read again), Fault::unsupported for a version this build does not know.
ControlFile parse_control_file(ByteView bytes);

/// Reads `data_directory`/global/pg_control, again while its CRC is wrong: the server may be writing it. Blocks.
/// The bytes that passed the check are put into `raw` when it is given.
ControlFile read_control_file(const std::filesystem::path& data_directory, Bytes* raw = nullptr);

}  // namespace varve::postgresql

/// What a base backup of a local data directory reads, and what it leaves out, as PostgreSQL itself does in BASE_BACKUP.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "varve/driver.hpp"

namespace varve::postgresql {

/// A tablespace outside the data directory.
struct Tablespace {
    std::string oid;
    std::filesystem::path location;
};

struct WalkItem {
    Entry entry;                               ///< `pgdata/…`, `tablespace/<oid>/…`; size as seen now
    std::filesystem::path path;                ///< where it is
    std::optional<std::uint32_t> first_block;  ///< files of relations: number of the first block; their pages may carry checksums
};

struct Walk {
    std::vector<WalkItem> items;          ///< directories before what is in them; global/pg_control is not among them
    std::vector<Tablespace> tablespaces;  ///< in-place tablespaces are ordinary directories of the data directory
    std::uint64_t bytes = 0;
};

/// Lists the cluster in `data_directory`. Names that vanish meanwhile are left out. Blocks: use a pool.
/// `server_version_num` and `catalog_version` choose our folder in a tablespace that several servers share.
Walk walk_cluster(const std::filesystem::path& data_directory, int server_version_num, std::uint32_t catalog_version,
                  std::uint32_t relation_segment_blocks);

/// The folder of one server version in each tablespace: `PG_15_202209061`.
std::string tablespace_folder(int server_version_num, std::uint32_t catalog_version);

/// What a walk in one directory leaves out. Pure; for tests and for the tar of method `stream`.
enum class Place {
    top,       ///< the data directory itself
    database,  ///< a directory of relation files: base/5, tablespace/16384/PG_15_202209061/5
    elsewhere,
};
bool is_left_out(Place place, std::string_view name) noexcept;
/// Directories of the data directory that a server needs and that are stored empty.
bool is_stored_empty(std::string_view name) noexcept;

}  // namespace varve::postgresql

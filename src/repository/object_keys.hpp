/// The names of objects: composed here, and read back strictly. docs/repository-format.md, section 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "format/chunk.hpp"
#include "varve/clock.hpp"
#include "varve/names.hpp"

namespace varve {

/// `folder` is the stored name of a source, `lineage` that of a lineage.
ObjectKey config_key(std::uint32_t generation, const Digest& name);
ObjectKey pack_key(std::string_view folder, std::string_view month_and_tier, const PackName& name);
ObjectKey backup_key(std::string_view folder, Instant start, std::string_view tiers, const Digest& name);
ObjectKey log_key(std::string_view folder, std::string_view lineage, std::uint64_t from, std::uint64_t to, Instant last_commit,
                  const Digest& name);
/// `kind`: "note" or "evidence".
ObjectKey statement_key(std::string_view kind, std::string_view folder, Instant time, const Digest& name);
/// `kind`: "condemned", "sweep" or "swept".
ObjectKey collect_key(std::string_view kind, Instant time, const Digest& name);

/// The SHA-256 an object key ends in, or nothing.
std::optional<Digest> digest_of(const ObjectKey& key);

// What a key says, or nothing when it is not exactly of the form above.
struct ConfigKey {
    std::uint32_t generation = 0;
    Digest name{};
};
std::optional<ConfigKey> find_config_key(const ObjectKey& key);

struct BackupKey {
    std::string folder;
    Instant start;
    std::string tiers;
    Digest name{};
};
std::optional<BackupKey> find_backup_key(const ObjectKey& key);

struct LogKey {
    std::string folder, lineage;
    std::uint64_t from = 0, to = 0;
    Instant last_commit;
    Digest name{};
};
std::optional<LogKey> find_log_key(const ObjectKey& key);

struct PackKey {
    std::string folder, month_and_tier;
    PackName name{};
};
std::optional<PackKey> find_pack_key(const ObjectKey& key);

struct StatementKey {
    std::string folder;
    Instant time;
    Digest name{};
};
std::optional<StatementKey> find_statement_key(std::string_view kind, const ObjectKey& key);

struct CollectKey {
    Instant time;
    Digest name{};
};
std::optional<CollectKey> find_collect_key(std::string_view kind, const ObjectKey& key);

/// Start time and the first eight digits of the manifest's hash.
BackupId backup_id(Instant start, const Digest& name);

}  // namespace varve

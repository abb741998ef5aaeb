/// Which objects of one copy of the repository nothing keeps any more, and which of them may be swept now. docs/retention.md,
/// "Collection". Pure: nothing is read, and nothing is removed.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/retention_plan.hpp"

namespace varve {

/// What a copy lists of one source, beside its RetentionArchive.
struct CollectInventory {
    struct Backup {
        std::string key;
        std::uint64_t bytes = 0;
        std::string month;               ///< "202611", as its manifest says; empty when that cannot be read
        std::vector<std::string> packs;  ///< keys of all that it lists
    };
    struct Pack {
        std::string key;
        std::uint64_t bytes = 0;
        std::string month;  ///< of its folder
    };
    std::vector<Backup> backups;    ///< as in the archive, one by one
    std::vector<Pack> packs;        ///< in the copy
    std::vector<std::string> logs;  ///< keys; as in the archive, one by one
    /// Packs that manifests of other copies list, which this copy lacks: they stay.
    std::set<std::string> listed_elsewhere;
};

/// An object that nothing keeps.
struct Doomed {
    enum class Kind { backup, pack, log };
    Kind kind = Kind::backup;
    std::string key;
    std::uint64_t bytes = 0;
    std::string reason;               ///< half a sentence
    bool early = false;               ///< before the expiry that was signed, or never listed by a manifest
    std::vector<std::string> with{};  ///< pack: manifests that list it and go too
};

/// A month takes new manifests until a week after its end; from two weeks after it on, in whatever zone, it is settled which
/// packs are listed. Anything but "yyyymm" is never closed.
bool month_closed(const std::string& month, Instant now);

/// Backups first, then packs and log. A backup goes no sooner than the months of its packs are closed, so that they go together;
/// of a month near which a manifest is damaged nothing goes.
std::vector<Doomed> find_doomed(const RetentionArchive& archive, const CollectInventory& inventory, const RetentionPlan& plan,
                                Instant now);
/// Why an object stays: half sentences; empty: nothing keeps it, or it is not in the inventory.
std::vector<std::string> reasons_to_keep(const RetentionArchive& archive, const CollectInventory& inventory,
                                         const RetentionPlan& plan, Instant now, const std::string& key);

/// How long something stays condemned before it may be swept, and for how long that counts.
constexpr std::chrono::hours condemned_waits{72};
constexpr std::chrono::days condemned_lapses{30};
bool condemnation_counts(std::optional<Instant> condemned, Instant now);

/// Those that may be swept now. `condemned`: by key. A pack goes only with or after every manifest that lists it.
std::vector<Doomed> find_ripe(const std::vector<Doomed>& doomed, const std::map<std::string, Instant>& condemned, Instant now);

/// Whether so much may go early without an admin's signature: a fifth at most.
bool may_go_early(std::uint64_t early_bytes, std::uint64_t all_bytes);

}  // namespace varve

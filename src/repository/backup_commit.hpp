/// One backup's way into the repository: packs → barrier → manifest → barrier. docs/repository-format.md, section 8.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/pack_destination.hpp"
#include "policy/tiers.hpp"
#include "repository/repository.hpp"

namespace varve {

/// What a backup fixes at its start and never changes.
struct BackupBirth {
    Instant start;       ///< by the store's clock
    std::string month;   ///< "202611", of `start` in the policy zone
    std::string tiers;   ///< subset of "dwm"
    std::string folder;  ///< "<yyyymm><longest tier>"
    Instant expires;
    std::string zone;
};

struct CommittedBackup {
    BackupName name;
    std::vector<RepositoryName> copies;    ///< that have it, durable
    std::vector<RepositoryName> left_out;  ///< copies that are not required and failed
};

/// io thread. Dropped before commit(): nothing is visible, packs that were put belong to nobody.
class BackupCommit final : public PackDestination {
public:
    /// Reads the committed backups' names to decide the tiers. `rule`: retention of the source's class.
    static Task<std::unique_ptr<BackupCommit>> begin(Repository& repository, SourceName source, RetentionRule rule,
                                                     PolicyZone zone);
    ~BackupCommit() override;

    const BackupBirth& birth() const noexcept;
    /// Which packs of earlier backups may be used again by a host that made `newest` last and remembers its packs. Nothing: a
    /// required copy does not list that backup in this month (a new copy, or one that was set back to an older state), and
    /// everything must be put again. In a managed repository a pack must also lie in every required copy with its size; a host
    /// of a sealed one may not ask.
    Task<std::optional<PackRule>> find_reusable(ObjectKey newest) const;
    Task<> put_pack(SealedObject pack) override;
    const std::string& folder() const override;
    /// Fills in birth, host, tool version, previous manifest and commit time; the rest is the caller's. Success: durable on every
    /// required copy. A copy that lacks a pack which is used again gets no manifest: it is left out, or, when it is required, the
    /// backup fails with Fault::missing.
    Task<CommittedBackup> commit(format::ManifestStructure structure, format::ManifestContent content);

private:
    struct State;
    explicit BackupCommit(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace varve

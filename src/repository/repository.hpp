/// A repository as this host sees it: its copies, its rules (config) and the keys held here.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/envelope.hpp"
#include "format/format.hpp"
#include "pipeline/log_shipper.hpp"
#include "pipeline/pack_destination.hpp"
#include "repository/copies.hpp"
#include "varve/async.hpp"
#include "varve/driver.hpp"

namespace varve {

enum class RepositoryMode { managed, sealed };

/// What `varve init` made: the keys for this host and the recovery kit.
struct NewRepository {
    KeyRing host_keys;
    KeyRing recovery_kit;
};

/// A manifest as LIST shows it.
struct BackupName {
    BackupId id;
    ObjectKey key;
    Instant start;
    std::string tiers;
    std::uint64_t manifest_bytes = 0;
    std::vector<RepositoryName> copies;
};

/// A log object as LIST shows it.
struct LogName {
    ObjectKey key;
    std::string lineage;  ///< stored name
    std::uint64_t from = 0, to = 0;
    Instant last_commit;
    Instant stored_at;  ///< by the store's clock
    std::uint64_t size = 0;
};

class Repository {
public:
    /// Makes config generation 1 in every copy. Fault::conflict when one of them holds a repository already.
    static Task<NewRepository> create(Copies& copies, RepositoryMode mode, std::string host_name);
    /// Reads and checks config; Fault::missing (exit 10) when there is none, Fault::denied (12) when it is another repository's
    /// keys, Fault::unsupported (14) for a format or feature this build does not know.
    static Task<std::unique_ptr<Repository>> open(std::shared_ptr<Copies> copies, KeyRing keys, Pools& pools);
    virtual ~Repository() = default;

    virtual Copies& copies() noexcept = 0;
    virtual const KeyRing& keys() const noexcept = 0;
    virtual const format::RepositoryConfig& config() const noexcept = 0;
    virtual Pools& pools() noexcept = 0;
    virtual SealingContext sealing(const SourceName& source) const = 0;
    virtual SourceKeys source_keys(const SourceName& source) const = 0;  ///< needs the archive role
    virtual OpeningKeys opening(const SourceName& source) const = 0;     ///< whatever is held
    virtual const std::vector<TrustedSigner>& signers() const noexcept = 0;

    // Reading what is there. Lists name objects only; objects are opened one by one.
    virtual Task<std::vector<BackupName>> backups(SourceName source) = 0;  ///< newest first
    virtual Task<std::vector<LogName>> logs(SourceName source) = 0;        ///< by lineage, then position
    virtual Task<std::vector<LogName>> newest_logs(SourceName source, std::string lineage,
                                                   std::uint64_t from) = 0;  ///< of one lineage, from a position on
    struct Manifest {
        BackupName name;
        format::ManifestStructure structure;
        std::optional<format::ManifestContent> content;  ///< when the keys open it
    };
    virtual Task<Manifest> manifest(SourceName source, BackupName name) = 0;
    virtual Task<std::vector<format::NoteStructure>> notes(SourceName source) = 0;

    // Storing.
    virtual Task<ObjectKey> put_note(SourceName source, format::NoteStructure note) = 0;
    virtual Task<ObjectKey> put_evidence(SourceName source, format::EvidenceStructure evidence) = 0;
    virtual Task<Instant> now() = 0;  ///< the store's clock
};

/// Facts of a manifest in the driver's terms.
BackupFacts facts_of(const Repository::Manifest& manifest);

}  // namespace varve

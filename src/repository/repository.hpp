/// A repository as this host sees it: its copies, its rules (config) and the keys held here.
#pragma once

#include <functional>
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
    RepositoryMode mode = RepositoryMode::managed;
    KeyRing host_keys;
    KeyRing recovery_kit;
};
/// Fresh keys; nothing is stored yet. Managed: the host holds every role but escrow. Sealed: archive and host only.
NewRepository make_keys(RepositoryMode mode, std::string host_name);

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
    std::vector<RepositoryName> copies;
};

class Repository {
public:
    /// Makes keys, gives them to `save_keys`, then puts config generation 1 into every copy: a crash never leaves a repository
    /// whose keys nobody has. Fault::conflict, before keys are made, when a copy holds a repository already.
    using SaveKeys = std::function<Task<>(const NewRepository&)>;
    static Task<NewRepository> create(Copies& copies, RepositoryMode mode, std::string host_name, SaveKeys save_keys = {});
    /// With keys that are safe already: what a crash left unfinished is finished with the same keys.
    static Task<> create(Copies& copies, const NewRepository& keys);
    /// Makes every copy a copy of the repository that one of them holds: for `init --copy`. Fault::conflict when one holds
    /// another.
    static Task<> share_config(Copies& copies);
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

    // Reading what is there. Lists name objects only; objects are opened one by one. A list holds what the copies that answer
    // have; a key that is not of the format is reported once and passed over.
    /// The sources that have a backup or log, by the names that their objects carry.
    virtual Task<std::vector<SourceName>> sources() = 0;
    /// The stored name of a source: from the archive key where it is held; else found by opening objects, and nothing when
    /// there is none of this source.
    virtual Task<std::optional<std::string>> find_folder(SourceName source) = 0;
    virtual Task<std::vector<BackupName>> backups(SourceName source) = 0;  ///< newest first
    struct BackupListing {
        std::vector<BackupName> backups;         ///< newest first
        std::vector<RepositoryName> unanswered;  ///< copies that may have more
    };
    virtual Task<BackupListing> list_backups(SourceName source) = 0;
    virtual Task<std::vector<LogName>> logs(SourceName source) = 0;  ///< by lineage, then position
    struct LogListing {
        std::vector<LogName> logs;               ///< by lineage, then position
        std::vector<RepositoryName> unanswered;  ///< copies that may have more
    };
    virtual Task<LogListing> list_logs(SourceName source, Copies::Answers answers) = 0;
    virtual Task<std::vector<LogName>> newest_logs(SourceName source, std::string lineage,
                                                   std::uint64_t from) = 0;  ///< of one lineage, from a position on
    struct Manifest {
        BackupName name;
        format::ManifestStructure structure;
        std::optional<format::ManifestContent> content;  ///< when the keys open it
    };
    /// Opened and checked: signed by a host that may write this source. Fault::corrupt, Fault::denied, with the object's name.
    virtual Task<Manifest> manifest(SourceName source, BackupName name) = 0;
    /// One log object, opened and checked in the same way, with its content when `with_content`.
    struct LogObject {
        format::LogStructure structure;
        std::vector<Bytes> frames;
    };
    enum class LogPart { structure, content };
    virtual Task<LogObject> log_object(SourceName source, LogName name, LogPart part) = 0;
    /// Notes that count, oldest first: an `acknowledged`, `release`, `retire` or `shorten` only with an admin's signature. One
    /// that does not is reported and passed over.
    virtual Task<std::vector<format::NoteStructure>> notes(SourceName source) = 0;
    virtual Task<std::vector<format::EvidenceStructure>> evidence(SourceName source) = 0;

    /// What collectors put into one copy, and said of that copy alone.
    struct CollectRecord {
        ObjectKey key;
        Instant time;           ///< when it was put: the later of what it says and what the store says
        bool by_admin = false;  ///< signed with an admin's key
        format::CollectStructure structure;
    };
    /// Oldest first; `kind`: "condemned", "sweep" or "swept". One that is damaged or whose signer may not speak for its sources
    /// is reported and passed over. Fault::denied with code `wrong_key` when no key held here opens them.
    virtual Task<std::vector<CollectRecord>> collect_records(Copy copy, std::string kind) = 0;

    // Storing. Ends when it is durable on every required copy.
    /// Fills in source, host, version and, when it is 0, the time.
    virtual Task<ObjectKey> put_note(SourceName source, format::NoteStructure note) = 0;
    virtual Task<ObjectKey> put_evidence(SourceName source, format::EvidenceStructure evidence) = 0;
    enum class Signer { host, admin };
    /// Durable in that copy when it ends; fills in host, version and, when it is 0, the time. Gives the record as it was put.
    virtual Task<CollectRecord> put_collect_record(Copy copy, format::CollectStructure record, Signer signer) = 0;
    virtual Task<Instant> now() = 0;  ///< the store's clock
};

/// Facts of a manifest in the driver's terms.
BackupFacts facts_of(const Repository::Manifest& manifest);

}  // namespace varve

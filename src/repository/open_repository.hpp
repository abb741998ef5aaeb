/// The repository, opened: Repository's one implementation. For the files of this folder.
#pragma once

#include <map>
#include <set>

#include "repository/repository.hpp"

namespace varve {

class OpenRepository final : public Repository {
public:
    OpenRepository(std::shared_ptr<Copies> copies, KeyRing keys, format::RepositoryConfig config, Pools& pools);

    Copies& copies() noexcept override { return *copies_; }
    const KeyRing& keys() const noexcept override { return keys_; }
    const format::RepositoryConfig& config() const noexcept override { return config_; }
    Pools& pools() noexcept override { return pools_; }
    SealingContext sealing(const SourceName& source) const override;
    SourceKeys source_keys(const SourceName& source) const override;
    OpeningKeys opening(const SourceName& source) const override;
    const std::vector<TrustedSigner>& signers() const noexcept override { return signers_; }

    Task<std::vector<SourceName>> sources() override;
    Task<std::optional<std::string>> find_folder(SourceName source) override;
    Task<std::vector<BackupName>> backups(SourceName source) override;
    Task<BackupListing> list_backups(SourceName source) override;
    Task<std::vector<LogName>> logs(SourceName source) override;
    Task<LogListing> list_logs(SourceName source, Copies::Answers answers) override;
    Task<std::vector<LogName>> newest_logs(SourceName source, std::string lineage, std::uint64_t from) override;
    Task<Manifest> manifest(SourceName source, BackupName name) override;
    Task<LogObject> log_object(SourceName source, LogName name, LogPart part) override;
    Task<std::vector<format::NoteStructure>> notes(SourceName source) override;
    Task<std::vector<format::EvidenceStructure>> evidence(SourceName source) override;
    Task<std::vector<CollectRecord>> collect_records(Copy copy, std::string kind) override;
    Task<CollectRecord> put_collect_record(Copy copy, format::CollectStructure record, Signer signer) override;
    Task<ObjectKey> put_note(SourceName source, format::NoteStructure note) override;
    Task<ObjectKey> put_evidence(SourceName source, format::EvidenceStructure evidence) override;
    Task<Instant> now() override { return copies_->now(); }

private:
    OpeningKeys opening_of_records() const;
    /// Which folder belongs to which source, as far as objects that can be opened tell.
    Task<> learn_folders();
    Task<std::optional<SourceName>> find_source_of(std::string folder);
    void report_once(const ObjectKey& key);
    std::vector<LogName> parse_logs(std::vector<HeldObject> objects);

    template <class Structure>
    Task<std::vector<Structure>> statements(SourceName source, std::string kind, ObjectType type);
    template <class Structure>
    Task<ObjectKey> put_statement(SourceName source, Structure statement, std::string kind, ObjectType type,
                                  const Secret& signer);

    std::shared_ptr<Copies> copies_;
    KeyRing keys_;
    format::RepositoryConfig config_;
    Pools& pools_;
    std::vector<TrustedSigner> signers_;            // hosts
    std::vector<TrustedSigner> statement_signers_;  // hosts and admins
    std::vector<Recipient> recipients_;
    std::map<std::string, SourceName> source_of_folder_;
    std::set<std::string> reported_;  // keys that are not of the format
};

/// Fault::denied unless `signer` may write objects of `source`.
void require_may_write(const TrustedSigner& signer, const SourceName& source);

}  // namespace varve

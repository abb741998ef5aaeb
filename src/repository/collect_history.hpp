/// What collectors have said of one copy so far, and what follows from it. A value.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/tiers.hpp"
#include "repository/repository.hpp"

namespace varve {

/// A sweep that was not ended by its own run stands for this long: its collector may only sleep.
constexpr std::chrono::days sweep_stands{14};

class CollectHistory {
public:
    using Record = Repository::CollectRecord;

    /// All records of a copy.
    static Task<CollectHistory> read(Repository& repository, Copy copy);
    CollectHistory() = default;
    CollectHistory(std::vector<Record> condemned, std::vector<Record> sweeps, std::vector<Record> swept);

    void add_condemned(Record record);
    void add_sweep(Record record);

    /// When the key was condemned last; nothing: never.
    std::optional<Instant> condemned_at(const std::string& key) const;
    /// Whether a sweep named it as one that goes neither early nor unlisted.
    bool was_due(const std::string& key) const { return due_.contains(key); }
    /// Whether a manifest with this key may have been removed by a collector.
    bool may_be_gone(const std::string& key) const { return gone_.contains(key); }
    /// The same by the manifest's hash.
    bool may_be_gone(const Digest& name) const { return gone_names_.contains(name); }
    /// Backups that the copy had, by what the records say, and that no collector removed.
    std::set<BackupId> known(const SourceName& source) const;
    /// The age at which log of the source was judged: the longest since an admin approved one. Nothing: it never was.
    struct LogAge {
        KeepLength length;
        bool window = false;  ///< it is the point-in-time window
    };
    std::optional<LogAge> log_age(const SourceName& source, Instant now) const;
    /// Keys and bytes of what was to go early within so long before `now` without an admin's signature.
    std::map<std::string, std::uint64_t> went_early(const SourceName& source, Instant now, std::chrono::days within) const;
    /// A sweep whose collector may be about to remove `key`, or has done so. Nothing: none, or the one that named it spared it.
    const Record* find_sweep_of(const std::string& key, Instant now) const;
    /// When the objects that were removed, or may have been, were put, as their keys tell it.
    std::vector<Instant> times_of_gone() const;
    /// The key of a backup that some record names.
    std::optional<std::string> find_key_of(const BackupId& backup) const;
    /// Every record that names the key, oldest first.
    std::vector<const Record*> naming(const std::string& key) const;

private:
    void index_sweep(std::size_t number);

    std::vector<Record> condemned_, sweeps_, swept_;
    std::map<std::string, Instant> condemned_at_;  // by key
    struct Naming {
        std::size_t sweep = 0;  // in sweeps_
        bool ended = false;     // by its own run, which removed it
    };
    std::map<std::string, std::vector<Naming>> swept_by_;  // by key, without those that spared it
    std::set<std::string> gone_, due_;
    std::set<Digest> gone_names_;
    std::set<std::string> gone_ids_;
};

}  // namespace varve

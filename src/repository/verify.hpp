/// Whether everything that was stored is still there, as it was stored.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "repository/repository.hpp"

namespace varve {

/// Level 0: every pack that a manifest lists lies in each copy that has the manifest, with its size; a required copy lacks no
/// manifest, no pack and no stretch of log that another copy has; and every backup that another was made after is there. Needs a
/// key that opens manifests (maintain is enough). Level 1: and the SHA-256 of every object is the one in its name. Level 2: and
/// every record decrypts, every chunk has its id, every signature is good, and every chunk that a backup's list names is found
/// with its length; needs the restore key or the recovery kit.
struct VerifyOrder {
    int level = 1;
    /// Of each copy: never-checked objects first, newest first; then the oldest-checked. Unless it is 0, one object at least.
    std::uint64_t bytes_max = UINT64_MAX;
    std::filesystem::path memory{};  ///< a folder that remembers what was checked when; empty: nothing is remembered
};

/// What is verified together: one folder below backup/, pack/, log/, …
struct VerifySubject {
    std::string folder;
    std::optional<SourceName> source;  ///< nothing: no object that can be opened tells whose it is
};

struct DamagedObject {
    RepositoryName copy;
    ObjectKey key;
    std::string what;                 ///< "missing, and backup … needs it"
    std::vector<BackupId> backups{};  ///< that need it
};

struct VerifyResult {
    std::uint64_t backups = 0;                       ///< listed
    std::uint64_t objects = 0, bytes = 0;            ///< read and checked, in all copies together
    std::uint64_t objects_left = 0, bytes_left = 0;  ///< not read: the budget was spent
    std::vector<DamagedObject> damaged;              ///< by copy, then key
    std::vector<RepositoryName> unanswered;          ///< copies that did not answer to the end: nothing is known of the rest
    bool ok() const noexcept { return damaged.empty() && unanswered.empty(); }
};

struct VerifyProgress {
    std::uint64_t bytes = 0, bytes_total = 0;
};
using ReportVerify = std::function<void(const VerifyProgress&)>;

/// Every folder that a copy holds, with its source where that can be learned. `configured`: names to try with the archive key,
/// for folders whose objects can no longer be opened.
Task<std::vector<VerifySubject>> verify_subjects(Repository& repository, std::vector<SourceName> configured);

/// Everything of one subject, and config. Reads each copy by itself. Damage is a finding, not an error.
Task<VerifyResult> verify_subject(Repository& repository, VerifySubject subject, VerifyOrder order, ReportVerify report = {});

/// The same, by name. Fault::missing when no folder is known to be the source's.
Task<VerifyResult> verify_source(Repository& repository, SourceName source, VerifyOrder order, ReportVerify report = {});

/// What is put as evidence of it: put_evidence().
format::EvidenceStructure evidence_of(const VerifyResult& result, const VerifyOrder& order);

}  // namespace varve

/// A repository in memory with weeks of backups, some of whose time is over: what tests of collection start from.
#pragma once

#include <string>
#include <vector>

#include "jobs/collect_job.hpp"
#include "support/test_repository.hpp"

namespace varve::test {

struct MadeBackup {
    CommittedBackup committed;
    StoredPack pack;  ///< of its own
};

/// A backup of the test source with one pack of its own, of `bytes` random bytes, and packs that others put.
Task<MadeBackup> make_backup(Repository& repository, RetentionRule rule, std::vector<StoredPack> reused = {},
                             std::size_t bytes = 500);

/// A backup is taken every two days from 23 November on, and each month's backups share the first one's pack. Each is kept for
/// ten days. November is closed on 16 December.
class CollectWorld {
public:
    explicit CollectWorld(std::size_t copies = 1);

    /// Backups until `day` ("2026-12-17"), where the clock then stands at three o'clock.
    void pass_until(const std::string& day);
    MadeBackup back_up(std::size_t bytes = 500) { return back_up(*repository, bytes); }
    MadeBackup back_up(Repository& into, std::size_t bytes = 500);
    CollectReport collect(Approval approval = Approval::none) { return collect(*repository, approval); }
    CollectReport collect(Repository& in, Approval approval = Approval::none);
    CollectReport plan();
    void note(const std::string& kind, std::optional<BackupId> backup = {}, std::optional<Instant> until = {});
    /// Ids of the backups whose manifest a copy has, oldest first.
    std::vector<BackupId> backups(std::size_t copy = 0);
    /// Every manifest of the copy opens, and every pack that it lists is there. Gives what is not so.
    std::vector<std::string> losses(std::size_t copy = 0);
    JobContext context(Repository& of) {
        return {of, desk.pools.pools, desk.clock, [] { return 0.0; }};
    }
    /// Keys below `prefix`.
    std::size_t count(const std::string& prefix, std::size_t copy = 0) { return desk.keys_below(prefix, copy).size(); }

    TestRepository desk;
    std::unique_ptr<Repository> repository;
    Source source;

private:
    std::string month_;                 ///< of the newest backup
    std::vector<StoredPack> reusable_;  ///< of that month
};

}  // namespace varve::test

/// What stops a collection before anything is condemned: a list of backups that is shorter than it may be. Of collect_survey.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "jobs/retention_archive.hpp"
#include "repository/collect_history.hpp"

namespace varve {

/// Why nothing goes; full sentences.
struct CollectRefusal {
    std::string reason;
    std::string remedy;
    bool of_copy = true;  ///< nothing of any source goes from this copy
};

/// Backups that the copy had by its collectors' records and that are not in its list now, unless an admin acknowledged them.
std::vector<CollectRefusal> missing_backups(const WholeArchive& whole, const SourceName& source, const RepositoryName& copy,
                                            const CollectHistory& history);

/// Backups that another one was made after and that no copy lists, unless a collector removed them or an admin acknowledged them.
/// `histories`: of every copy.
std::vector<CollectRefusal> broken_chain(const WholeArchive& whole, const SourceName& source,
                                         const std::map<RepositoryName, CollectHistory>& histories);

/// The rule by which log is judged: never shorter than before, unless an admin approved it.
RetentionRule log_rule(RetentionRule rule, const std::optional<CollectHistory::LogAge>& before, Instant now);

}  // namespace varve

/// What is different between the lists of two backups.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/recall_list.hpp"

namespace varve {

struct ListDifference {
    std::optional<Entry> before, after;  ///< nothing: it was added or removed
    /// Of one that both have, some of: type, content, size, time, mode, owner, target, attributes.
    std::vector<std::string> changes;
};

/// Two lists side by side, in path order. Beside the lists it keeps nothing. One call at a time, on any thread.
class ListComparison {
public:
    /// `same_ids`: both backups name their chunks with the same key, so that equal content has equal chunks. Else content is
    /// taken to be equal when size and time are.
    ListComparison(std::shared_ptr<const RecallList> before, std::shared_ptr<const RecallList> after, bool same_ids);

    /// The differences among the next entries, perhaps none.
    std::vector<ListDifference> next();
    bool done() const;

private:
    std::vector<std::string> changes_at() const;

    std::shared_ptr<const RecallList> before_, after_;
    std::size_t at_before_ = 0, at_after_ = 0;
    bool same_ids_;
};

}  // namespace varve

/// Looking into a backup's list: what is at a path, and what lies in or below a folder.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/recall_list.hpp"

namespace varve {

/// Something of a list.
struct Listed {
    Entry entry;
    bool recorded = true;  ///< false: a folder that only the paths below it tell of; nothing but its path is known
};

/// `path` as lists have it; empty: the top. Any thread.
std::optional<Listed> find_listed(const RecallList& list, const std::string& path);

/// From one entry to the next, in path order; the top's own entry is passed over. Beside the list itself it keeps nothing. One
/// call at a time, on any thread.
class FolderWalk {
public:
    enum class Depth {
        here,   ///< what lies right in the folder; what lies deeper is skipped without a look
        below,  ///< everything below it
    };
    /// `folder` as lists have it; empty: the top.
    FolderWalk(std::shared_ptr<const RecallList> list, const std::string& folder, Depth depth);

    /// The next ones, at most `count`; none at the end.
    std::vector<Listed> next(std::size_t count);

private:
    std::shared_ptr<const RecallList> list_;
    std::string prefix_;  ///< empty, or with the slash at its end
    Depth depth_;
    std::size_t at_;
};

}  // namespace varve

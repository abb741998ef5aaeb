/// The part of a backup that a restore was asked for.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "varve/driver.hpp"
#include "varve/patterns.hpp"

namespace varve::files {

/// What one of `include` means, with all that lies below it: a path, or, where it has `*`, `?` or `[`, also a pattern. Made from
/// two walks over the list: look() at each entry, then settle(). Without `include` it is everything, and no walk is needed.
class Selection {
public:
    /// Fault::invalid for one that can mean nothing.
    explicit Selection(const std::vector<std::string>& include);

    bool is_everything() const noexcept { return wanted_.empty(); }
    void look(const Entry& entry);
    /// Error code `path_not_found` (1) when one of `include` has met nothing.
    void settle() const;

    /// A folder on the way to something that is wanted, or wanted itself.
    bool has_folder(const Entry& folder) const;
    /// Something else than a folder.
    bool has(const Entry& entry) const;
    /// The path that the content of a regular file goes to: its own, or, when only further names of it are wanted, the first of
    /// those. Empty: it is not wanted.
    std::string content_path(const Entry& file) const;
    /// A further name of a file, as it is restored: a file of its own when it stands for the first one, else linked to that
    /// which does.
    Entry relinked(Entry hardlink) const;

private:
    struct Wanted {
        std::string text;  ///< as typed
        std::string path;  ///< as lists have it
        Patterns pattern;
        bool is_pattern = false, met = false;
    };
    static bool means(const Wanted& wanted, const Entry& entry);

    std::vector<Wanted> wanted_;
    std::set<std::string> folders_;               ///< above something that is wanted
    std::map<std::string, std::string> further_;  ///< of a file with further names that are wanted: the first of them
};

}  // namespace varve::files

/// Makes a tree again, step by step, below one directory and never outside it. Blocks: blocking pool, one call at a time of each.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "varve/driver.hpp"

namespace varve::files {

/// What could not be set, and how often: told at the end, because the content is there.
struct NotSet {
    std::uint64_t owners = 0, attributes = 0, devices = 0;
    std::string first;  ///< the first of them, with its reason

    std::string sentence() const;  ///< empty when everything was set
    void add(const NotSet& other);
};

/// Fault::missing for a user that this host does not have, Fault::conflict when something is at `to`. Changes nothing.
void check_target(const std::filesystem::path& to, const std::optional<std::string>& owner);

/// Everything is opened from the target's own descriptor, component by component, without following links.
class TreeWriter {
public:
    /// Makes `to`, or takes it when it is an empty directory. Fault::conflict when something is there.
    /// `owner`: a user on this host that gets all files; nothing: the recorded owners.
    TreeWriter(std::filesystem::path to, const std::optional<std::string>& owner);

    /// Another hand on the same tree, for another thread. What it could not set is its own to tell.
    std::unique_ptr<TreeWriter> another() const;

    /// Where an entry's content is written. Fault::corrupt for a path that leads out of the tree.
    std::filesystem::path place_of(const Entry& entry) const;
    /// The target.
    const std::shared_ptr<const OpenedFolder>& root() const noexcept { return root_; }
    /// The folder of the entry, and what is missing above it; only we may enter until finish().
    void make_folder(const Entry& entry);
    void make_folders_above(const Entry& entry);
    /// Symbolic and hard links, FIFOs and devices. Folders and files are left alone.
    void make_other(const Entry& entry);
    /// Owner, mode, extended attributes and times, in the order that keeps them all. Folders last, the deepest first.
    void finish(const Entry& entry);

    const NotSet& not_set() const noexcept { return not_set_; }

private:
    TreeWriter() = default;

    struct Place {
        int folder;
        std::string name;
    };
    /// The folder that holds `path`, opened. Valid until the next call.
    Place find_place(const std::string& path);
    void set_owner(const Place& place, const Entry& entry);
    void set_attributes(const Place& place, const Entry& entry);
    void note(std::uint64_t& count, const Error& error);
    uid_t user_id(const Entry& entry);
    gid_t group_id(const Entry& entry);

    std::filesystem::path to_;
    std::shared_ptr<const OpenedFolder> root_;
    std::string made_above_;   ///< the folder that make_folders_above last made
    std::string folder_path_;  ///< of the folder that is open: neighbours share it
    Descriptor folder_;
    std::optional<std::pair<uid_t, gid_t>> owner_;
    std::map<std::string, uid_t> users_;
    std::map<std::string, gid_t> groups_;
    NotSet not_set_;
};

}  // namespace varve::files

/// Looks at a tree, one folder at a time, without ever following a link below the source's path. Blocks: blocking pool.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "varve/driver.hpp"
#include "varve/error.hpp"

namespace varve::files {

/// Attributes of an entry that are extended attributes of the file: this, and the attribute's own name behind it.
inline constexpr std::string_view xattr_mark = "xattr.";
/// The attribute that holds a device's number, in decimal.
inline constexpr std::string_view device_mark = "device_number";
/// Of a file with holes: "yes".
inline constexpr std::string_view sparse_mark = "sparse";

/// A folder that is being walked. Its descriptor stays open while children need it.
struct Folder {
    Descriptor descriptor;
    std::filesystem::path path;  ///< on this host
    std::string entry_path;      ///< in the backup: "" for the root of a single path
    std::string below;           ///< relative to the source's path: what patterns are asked
    dev_t device = 0;
    unsigned depth = 0;
};

/// A name in a folder, and what stands there.
struct Seen {
    std::string name;
    Entry entry;
    std::uint64_t links = 1;
    bool is_socket = false;
    bool has_wal = false;          ///< a write-ahead log lies beside it: what that holds does not show in the times of this file
    bool gone = false;             ///< removed since the folder was listed
    std::optional<Error> failure;  ///< it could not be looked at, or not at all of it
};

class TreeReader {
public:
    /// Opens a path of the configuration; this one may be a link, it was named by the operator.
    static std::shared_ptr<Folder> open_root(const std::filesystem::path& path, std::string entry_path);
    /// The folder `name` in `parent`; a link in its place is Fault::missing or unsupported.
    static std::shared_ptr<Folder> open_folder(const Folder& parent, const std::string& name);
    /// Sorted.
    static std::vector<std::string> names(const Folder& folder);
    Seen look(const Folder& folder, const std::string& name);
    /// The folder's own entry.
    Seen look_at_root(const Folder& folder);

private:
    void fill(Entry& entry, const struct ::stat& status);
    std::string user_name(uid_t id);
    std::string group_name(gid_t id);

    std::mutex mutex_;
    std::map<uid_t, std::string> users_;
    std::map<gid_t, std::string> groups_;
};

/// `folder` and `name` as a path of the backup's list.
std::string join(const std::string& folder, const std::string& name);

/// What the file is now, into an entry that was made when its folder was listed.
void refresh(Entry& entry, const struct ::stat& status);

}  // namespace varve::files
